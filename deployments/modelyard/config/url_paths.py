"""Which URL paths a model may have: none of the server's own, and none below another model's."""

import re
from collections.abc import Container

ROUTE = r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$"
"""An absolute path whose segments need no escaping in a URL, a log or HAProxy's configuration. None is `.` or `..`."""

APPLICATION_PREFIX = "_pool."
"""Begins the name of a pool's application, and after a slash its route. No model's name starts like this. Serve leaves these
characters as they are in the name of an application's HAProxy backend, where it replaces others (a colon too), so that the
backend of no model has the same name."""

_RESERVED_PREFIXES = ("/v1", "/v2", "/-")
_RESERVED = (
    *("/live", "/ready", "/health", "/version", "/models", "/metrics"),
    *("/ping", "/invocations", "/openapi.json"),
)
_WELL_FORMED = re.compile(ROUTE)


def application_text(application: str) -> str:
    """The name of an application for the operator: a model's name, or "pool <name>"."""
    is_pool = application.startswith(APPLICATION_PREFIX)
    return f"pool {application.removeprefix(APPLICATION_PREFIX)}" if is_pool else application


def is_route(text: str) -> bool:
    """Whether the text is a valid route."""
    return _WELL_FORMED.fullmatch(text) is not None


def reserved_by_server(route: str) -> str:
    """The path of the server that this route would hide, or ""."""
    top = "/" + route.split("/")[1]
    if top in _RESERVED_PREFIXES:
        return top
    return route if route in _RESERVED else ""


def parent_route(route: str, owners: Container[str]) -> str:
    """The longest member of `owners` that is a proper prefix of the route by whole segments, or "".

    A model serves all paths below its route, so a model at `/models/a` would hide one at `/models/a/b`.
    """
    while route := route.rpartition("/")[0]:
        if route in owners:
            return route
    return ""
