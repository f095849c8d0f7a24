"""The request id on the slow path."""

import asyncio
from typing import Any

import pytest

from modelyard.http.middleware import RequestIdMiddleware


def headers_behind(*headers: tuple[bytes, bytes], kind: str = "http") -> list[tuple[bytes, bytes]]:
    """These headers as the application behind the middleware receives them."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"])

    asyncio.run(RequestIdMiddleware(app)({"type": kind, "headers": list(headers)}, None, None))  # type: ignore[arg-type]
    [result] = seen
    return list(result)


def test_a_valid_id_and_the_other_headers_are_unchanged() -> None:
    assert headers_behind((b"host", b"a"), (b"x-request-id", b"mine"), (b"cookie", b"1"), (b"cookie", b"2")) == [
        (b"host", b"a"),
        (b"cookie", b"1"),
        (b"cookie", b"2"),
        (b"x-request-id", b"mine"),
    ]


@pytest.mark.parametrize("client_id", [b"", b'"', b"x" * 129, b"\xc3\xa9"])
def test_an_invalid_id_is_replaced(client_id: bytes) -> None:
    [(name, value)] = headers_behind((b"x-request-id", client_id))
    assert name == b"x-request-id"
    assert value != client_id
    assert value.replace(b"-", b"").isalnum()


def test_a_request_without_an_id_gets_one() -> None:
    assert [name for name, _ in headers_behind()] == [b"x-request-id"]


def test_the_last_of_several_ids_is_used() -> None:
    assert headers_behind((b"x-request-id", b"one"), (b"x-request-id", b"two")) == [(b"x-request-id", b"two")]


def test_a_websocket_is_not_changed() -> None:
    assert headers_behind((b"x-request-id", b'"'), kind="websocket") == [(b"x-request-id", b'"')]
