"""Fetches the signatures of models, each from a replica that has loaded it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from ray import serve

from modelyard.config.url_paths import APPLICATION_PREFIX
from modelyard.tensors import Signature

TIMEOUT_S = 2.0
"""A model that does not respond in time is left out."""

log = logging.getLogger(__name__)


async def fetch_signatures(models: Mapping[str, Sequence[str]]) -> dict[str, Signature]:
    """The signature of each model's default version, by model; `models` are their names, by application.

    Models without a response, and models that no replica of their pool has loaded, are left out.
    """
    found = await asyncio.gather(*(_fetch_signatures(application, names) for application, names in models.items()))
    return {name: signature for signatures in found for name, signature in signatures.items()}


async def _fetch_signatures(application: str, names: Sequence[str]) -> Mapping[str, Signature]:
    try:
        handle = await asyncio.to_thread(serve.get_app_handle, application)
        if application.startswith(APPLICATION_PREFIX):  # each replica of a pool has loaded other models
            responses = handle.broadcast("signatures", names)
            results = await responses.results_async(timeout_s=TIMEOUT_S, return_exceptions=True)
            return {name: each for result in results if isinstance(result, dict) for name, each in result.items()}
        signatures: Mapping[str, Signature] = await asyncio.wait_for(handle.signatures.remote(names), TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - the failure of one application must not hide the others
        log.warning("cannot get the signatures of application %s: %r", application, error)
        return {}
    return signatures
