"""Paths of protocols that name models, on their way through Ray Serve."""

import asyncio
from typing import Any

import pytest

from modelyard.http.fast_path import FastPath
from modelyard.http.path_prefix import PathPrefixMiddleware


class Meter:
    def arrived(self) -> None:
        """Not asked."""


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
def test_a_path_of_another_protocol_gets_the_mount_before_it(kind: str, path: str, seen: str) -> None:
    assert asked(kind, path, "/models/m/-") == seen


def test_where_the_lane_is_not_open_paths_stay_as_they_are() -> None:
    assert asked("http", "/v2/models/m/ready", "") == "/v2/models/m/ready"


def asked(kind: str, path: str, mount: str) -> str:
    lane, scopes = FastPath(), []
    lane.open({}, Meter(), body_limit=1, mount=mount)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope["path"])

    async def nothing(*_: Any) -> Any:
        """Not asked."""

    asyncio.run(PathPrefixMiddleware(app, lane)({"type": kind, "path": path}, nothing, nothing))
    [seen] = scopes
    return str(seen)
