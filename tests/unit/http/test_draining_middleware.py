"""Health checks of a replica that drains."""

import asyncio
from typing import Any

import pytest

from modelyard.http.middleware import DrainingMiddleware


@pytest.mark.parametrize(
    ("path", "status", "body", "seen"),
    [
        ("/-/healthz", 503, b"DRAINING", 200),
        ("/-/healthz", 503, b"UNHEALTHY", 503),
        ("/-/healthz", 200, b"success", 200),
        ("/models/m/predict", 503, b"DRAINING", 503),
    ],
)
def test_a_replica_that_drains_passes_its_health_check(path: str, status: int, body: bytes, seen: int) -> None:
    sent = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body"})

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(DrainingMiddleware(app)({"type": "http", "path": path}, None, keep))  # type: ignore[arg-type]
    assert sent == [
        {"type": "http.response.start", "status": seen, "headers": [(b"a", b"b")]},
        {"type": "http.response.body", "body": body, "more_body": True},
        {"type": "http.response.body"},
    ]


def test_other_messages_pass() -> None:
    passed = []

    async def app(scope: Any, *_: Any) -> None:
        passed.append(scope["type"])

    asyncio.run(DrainingMiddleware(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert passed == ["lifespan"]
