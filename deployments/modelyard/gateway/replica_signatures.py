"""Fetches the signatures of models, each from one of its replicas."""

import asyncio
import logging
from collections.abc import Sequence

from ray import serve

from modelyard.tensors import Signature

TIMEOUT_S = 2.0
"""A model that does not respond in time is left out."""

log = logging.getLogger(__name__)


async def fetch_signatures(names: Sequence[str]) -> dict[str, Signature]:
    """The signature of each model's default version, by model. Models without a response are left out."""
    found = await asyncio.gather(*(_fetch_signature(name) for name in names))
    return {name: signature for name, signature in zip(names, found, strict=True) if signature is not None}


async def _fetch_signature(name: str) -> Signature | None:
    try:
        handle = await asyncio.to_thread(serve.get_app_handle, name)
        signature: Signature = await asyncio.wait_for(handle.signature.remote(), TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - the failure of one model must not hide the others
        log.warning("cannot get the signature of model %s: %r", name, error)
        return None
    return signature
