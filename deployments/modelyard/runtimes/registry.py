"""The runtimes, by the name that the repository gives them."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from modelyard.runtimes.base import Runtime

RUNTIMES: Mapping[str, str] = {
    "sklearn": "modelyard.runtimes.sklearn.model",
    "onnx": "modelyard.runtimes.onnx.model",
    "python": "modelyard.runtimes.python.model",
}
"""A new framework is a row here and a package of its own, with a module that holds `load`."""


def runtime(name: str) -> Runtime:
    """The runtime of this name; a key of RUNTIMES. Imported now, so that a replica pays for its own framework only."""
    return cast(Runtime, import_module(RUNTIMES[name]))
