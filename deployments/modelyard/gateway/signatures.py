"""The signatures of models, asked of a replica of each."""

import asyncio
import logging
from collections.abc import Sequence

from ray import serve

from modelyard.tensors import Signature

PATIENCE_S = 2.0
"""For the slowest of them; a model that does not answer in time is left out."""

log = logging.getLogger(__name__)


async def signatures_of(names: Sequence[str]) -> dict[str, Signature]:
    """Those of the models' newest versions, by model, where they can be had."""
    found = await asyncio.gather(*(_of_a_model(name) for name in names))
    return {name: signature for name, signature in zip(names, found, strict=True) if signature is not None}


async def _of_a_model(name: str) -> Signature | None:
    try:
        handle = await asyncio.to_thread(serve.get_app_handle, name)
        told: Signature = await asyncio.wait_for(handle.signature.remote(), PATIENCE_S)
    except Exception as error:  # noqa: BLE001 - one model that is going away must not cost the others their place
        log.warning("no signature of model %s: %r", name, error)
        return None
    return told
