"""The errors for a name that no model has, and for a path that leads to none."""

from collections.abc import Callable, Collection

from modelyard.errors import ModelNotFound
from modelyard.text.nearest_name import nearest

UNKNOWN_MODEL = "there is no model {!r}"
TRITON_UNKNOWN_MODEL = "Request for unknown model: {!r} is not found"
"""Triton's text. Its clients, and NVIDIA's examples of them, search the message for it."""


def unknown_model(name: str, names: Collection[str], message: str = UNKNOWN_MODEL) -> ModelNotFound:
    """The error for a name that no model has. It suggests the most similar one of `names`."""
    near = nearest(name, names)
    return ModelNotFound(message.format(name) + (f"; did you mean {near!r}?" if near else "; GET /models lists them"))


def unknown_path(path: str, names: Collection[str], route_of: Callable[[str], str]) -> ModelNotFound:
    """The error for a path that is at or below no model's route. `route_of` returns the route of one of `names`."""
    name = path.split("/", 3)[2] if path.startswith("/models/") else ""
    if not name:
        return ModelNotFound(f"there is no path {path!r}; GET /models lists the models")
    if name in names:
        return ModelNotFound(f"model {name!r} is served at {route_of(name)}")
    return unknown_model(name, names)
