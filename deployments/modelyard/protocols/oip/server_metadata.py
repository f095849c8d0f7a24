"""What the whole server says of itself in the protocol's words. Pure."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Protocol

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
)
"""Triton's names for what goes beyond the protocol. Left out is what is accepted without effect: `parameters` that a model would
get, and `schedule_policy`, as there are no priorities."""


class Listed(Protocol):
    """A configured model."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str:
        """READY, LOADING or UNAVAILABLE."""

    @property
    def reason(self) -> str: ...

    @property
    def about(self) -> Mapping[str, Any]:
        """`versions` among it, where they are known."""


@cache
def server_metadata() -> Mapping[str, Any]:
    """Name, version and extensions."""
    return {"name": "modelyard", "version": version("modelyard"), "extensions": EXTENSIONS}


def repository_index(models: Iterable[Listed], *, ready_only: bool) -> list[dict[str, str]]:
    """Every version that is served, or would be; a model that has none stands there alone."""
    return [
        {"name": model.name, **numbered, "state": model.state, "reason": model.reason}
        for model in models
        if model.state == "READY" or not ready_only
        for numbered in [{"version": each["version"]} for each in model.about.get("versions", ())] or [{}]
    ]
