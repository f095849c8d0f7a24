"""Requests to load and unload models.

The configuration is declarative, so no request adds or removes a model. A model of a pool is loaded into memory or evicted, in
every replica of the pool. For a model with replicas of its own, a request to load succeeds if the model is READY, and one to unload
is rejected.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from modelyard.errors import ModelyardError, NotSupported
from modelyard.gateway.catalogue import GetEntries, ModelEntry, find_model, not_ready

ChangeResidency = Callable[[str, str, Literal["load", "evict"]], Awaitable[None]]
"""Loads or evicts a model in every replica of a pool: the pool's application, the model's name, and what to do. Raises the error of
a replica, and ModelNotReady if no replica responds."""


class RepositoryApi:
    """Loads and unloads models, for HTTP and gRPC."""

    def __init__(self, get_entries: GetEntries, change_residency: ChangeResidency) -> None:
        self._get_entries = get_entries
        self._change_residency = change_residency

    async def load(self, name: str, *, has_parameters: bool) -> None:
        """Return when the model is loaded. Raises an error if it cannot be, and for a request with parameters.

        NVIDIA's examples of Triton's clients search the message for its first words.
        """
        try:
            await self._load(name, has_parameters, await self._get_entries())
        except ModelyardError as error:
            error.args = (f"failed to load {name!r}: {error.message}",)
            raise

    async def _load(self, name: str, has_parameters: bool, entries: Mapping[str, ModelEntry]) -> None:
        entry = find_model(name, entries)
        if has_parameters:
            raise NotSupported(
                f"a model cannot be configured by requests; change {name}.yaml in serve_config/models on the server"
            )
        if entry.is_pooled:
            await self._change_residency(entry.application, name, "load")
        elif entry.state != "READY":
            raise not_ready(entry)

    async def unload(self, name: str) -> None:
        """Evict a model of a pool: its next request loads it again. Raises NotSupported for other models and a pinned one."""
        entry = find_model(name, await self._get_entries())
        if not entry.is_pooled:
            raise NotSupported(
                f"a model cannot be unloaded by requests; remove {name}.yaml from serve_config/models on the server"
            )
        await self._change_residency(entry.application, name, "evict")
