"""The request id that the ASGI path sees."""

import asyncio
from typing import Any

import pytest

from modelyard.http.middleware import RequestIdMiddleware


def headers_behind(*headers: tuple[bytes, bytes], kind: str = "http") -> list[tuple[bytes, bytes]]:
    """What an application behind the middleware is given of these headers."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"])

    asyncio.run(RequestIdMiddleware(app)({"type": kind, "headers": list(headers)}, None, None))  # type: ignore[arg-type]
    [told] = seen
    return list(told)


def test_a_clean_id_is_kept_beside_the_other_headers() -> None:
    assert headers_behind((b"host", b"a"), (b"x-request-id", b"mine"), (b"cookie", b"1"), (b"cookie", b"2")) == [
        (b"host", b"a"),
        (b"cookie", b"1"),
        (b"cookie", b"2"),
        (b"x-request-id", b"mine"),
    ]


@pytest.mark.parametrize("offered", [b"", b'"', b"x" * 129, b"\xc3\xa9"])
def test_another_is_replaced(offered: bytes) -> None:
    [(name, value)] = headers_behind((b"x-request-id", offered))
    assert name == b"x-request-id"
    assert value != offered
    assert value.replace(b"-", b"").isalnum()


def test_a_request_without_one_gets_one() -> None:
    assert [name for name, _ in headers_behind()] == [b"x-request-id"]


def test_of_several_the_last_counts() -> None:
    assert headers_behind((b"x-request-id", b"one"), (b"x-request-id", b"two")) == [(b"x-request-id", b"two")]


def test_a_websocket_is_none_of_its_business() -> None:
    assert headers_behind((b"x-request-id", b'"'), kind="websocket") == [(b"x-request-id", b'"')]
