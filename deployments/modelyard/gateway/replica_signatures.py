"""Fetches the signatures of models, each from one of its replicas."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from ray import serve

from modelyard.tensors import Signature

TIMEOUT_S = 2.0
"""A model that does not respond in time is left out."""

log = logging.getLogger(__name__)


async def fetch_signatures(models: Mapping[str, Sequence[str]]) -> dict[str, Signature]:
    """The signature of each model's default version, by model; `models` are their names, by application.

    Models without a response, and models that their pool has never loaded, are left out.
    """
    found = await asyncio.gather(*(_fetch_signatures(application, names) for application, names in models.items()))
    return {name: signature for signatures in found for name, signature in signatures.items()}


async def _fetch_signatures(application: str, names: Sequence[str]) -> Mapping[str, Signature]:
    try:
        handle = await asyncio.to_thread(serve.get_app_handle, application)
        signatures: Mapping[str, Signature] = await asyncio.wait_for(handle.signatures.remote(names), TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - the failure of one application must not hide the others
        log.warning("cannot get the signatures of application %s: %r", application, error)
        return {}
    return signatures
