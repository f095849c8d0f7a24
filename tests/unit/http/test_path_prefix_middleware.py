"""The prefix of other protocols' paths on the slow path."""

import asyncio
from typing import Any

import pytest

from modelyard.http.fast_path import FastPath
from modelyard.http.middleware import PathPrefixMiddleware


class Meter:
    def arrived(self) -> None:
        """Not used."""


@pytest.mark.parametrize(
    ("kind", "path", "seen"),
    [
        ("http", "/v2/models/m/ready", "/models/m/-/v2/models/m/ready"),
        ("http", "/v1/models/m:predict", "/models/m/-/v1/models/m:predict"),
        ("websocket", "/v2/x", "/models/m/-/v2/x"),
        ("http", "/models/m/predict", "/models/m/predict"),
        ("http", "/-/healthz", "/-/healthz"),
        ("http", "/v2", "/v2"),
        ("http", "/v20/x", "/v20/x"),
    ],
)
def test_a_path_of_another_protocol_gets_the_prefix(kind: str, path: str, seen: str) -> None:
    assert path_behind(kind, path, "/models/m/-") == seen


def test_without_a_prefix_paths_stay_as_they_are() -> None:
    assert path_behind("http", "/v2/models/m/ready", "") == "/v2/models/m/ready"


def path_behind(kind: str, path: str, path_prefix: str) -> str:
    fast_path, scopes = FastPath(), []
    fast_path.open({}, Meter(), body_limit=1, path_prefix=path_prefix)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope["path"])

    async def nothing(*_: Any) -> Any:
        """Not used."""

    asyncio.run(PathPrefixMiddleware(app, fast_path)({"type": kind, "path": path}, nothing, nothing))
    [seen] = scopes
    return str(seen)
