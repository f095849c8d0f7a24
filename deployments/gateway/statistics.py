"""What models have done so far, asked of a replica of each."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from ray import serve

PATIENCE_S = 2.0
"""For the slowest of them; a model that does not answer in time is left out."""

log = logging.getLogger(__name__)


async def statistics_of(names: Sequence[str]) -> list[dict[str, Any]]:
    """`model_stats` of these models. Of several replicas of a model one answers, for itself."""
    found = await asyncio.gather(*(_of_a_model(name) for name in names))
    return [each for model in found for each in model]


async def _of_a_model(name: str) -> list[dict[str, Any]]:
    try:
        handle = await asyncio.to_thread(serve.get_app_handle, name)
        told: list[dict[str, Any]] = await asyncio.wait_for(handle.statistics.remote(), PATIENCE_S)
    except Exception as error:  # noqa: BLE001 - one model that is going away must not cost the others their place
        log.warning("no statistics of model %s: %r", name, error)
        return []
    return told
