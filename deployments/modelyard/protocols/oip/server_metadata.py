"""The server's metadata and its repository index."""

from collections.abc import Iterable, Mapping, Sequence
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
"""Triton's names of extensions. Extensions that are accepted without effect are left out: `parameters`, which a model would get,
and `schedule_policy`, since there are no priorities."""


class ModelEntry(Protocol):
    """A configured model."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str:
        """READY, LOADING or UNAVAILABLE."""

    @property
    def reason(self) -> str: ...

    @property
    def versions(self) -> Sequence[int]:
        """Newest first; none if they are not known."""


@cache
def server_metadata() -> Mapping[str, Any]:
    """Name, version and extensions."""
    return {"name": "modelyard", "version": version("modelyard"), "extensions": EXTENSIONS}


def repository_index(models: Iterable[ModelEntry], *, ready_only: bool) -> list[dict[str, str]]:
    """Every version of every model; a model without known versions has one entry without a version."""
    return [
        {"name": model.name, **numbered, "state": model.state, "reason": model.reason}
        for model in models
        if model.state == "READY" or not ready_only
        for numbered in [{"version": str(number)} for number in model.versions] or [{}]
    ]
