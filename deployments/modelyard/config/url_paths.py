"""Which URL paths a model may have: those that no other model and no page of the server's own would ever claim."""

import re
from collections.abc import Container

ROUTE = r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$"
"""Absolute, of segments that mean the same in a URL, in a log and in the edge's configuration; none is `.` or `..`."""

_RESERVED_PREFIXES = ("/v1", "/v2", "/-")
_RESERVED = (
    *("/live", "/ready", "/health", "/version", "/models", "/metrics"),
    *("/ping", "/invocations", "/openapi.json"),
)
_WELL_FORMED = re.compile(ROUTE.strip("^$"))


def is_route(text: str) -> bool:
    """Whether the text is an absolute path of clean segments."""
    return _WELL_FORMED.fullmatch(text) is not None


def reserved_by_server(route: str) -> str:
    """The path of the server's own that this route would hide, or nothing."""
    top = "/" + route.split("/")[1]
    if top in _RESERVED_PREFIXES:
        return top
    return route if route in _RESERVED else ""


def parent_route(route: str, owners: Container[str]) -> str:
    """The longest member of `owners` that is a proper prefix of the route by whole segments, or nothing.

    A model answers everything below its route, so where both are models `/models/a` would answer for `/models/a/b`.
    """
    while route := route.rpartition("/")[0]:
        if route in owners:
            return route
    return ""
