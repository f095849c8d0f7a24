"""Another application of this server, asked by Ray Serve's handle: slower than by the edge, but it wakes a model that sleeps."""

import asyncio
from collections.abc import Awaitable
from functools import cache

from ray import serve
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from modelyard.errors import ModelNotReady, ModelyardError
from modelyard.http.problem import UNKNOWN
from modelyard.protocols.grpc.unary import log_internal_error

HOLD_S = 30.0
"""How long a call waits for a model that is scaled to zero: about three cold starts. As the edge does over HTTP."""
GATEWAY = "gateway"
"""The gateway's application, as `control.applications` names it."""
ROUND_THE_GATEWAY_S = 5.0
"""What its own part of a call may take on top."""


async def ask_model(model: str, path: bytes, message: bytes, request_id: str) -> bytes:
    """A replica's answer to the gRPC message of the call with this path. Raises the replica's error, or ModelNotReady."""
    return await _ask(model, path, message, request_id, HOLD_S)


async def ask_gateway(path: bytes, message: bytes, request_id: str) -> bytes:
    """The same by the gateway, which knows all models, those without a replica too, and what to say of one that is none."""
    return await _ask(GATEWAY, path, message, request_id, HOLD_S + ROUND_THE_GATEWAY_S)


async def _ask(application: str, path: bytes, message: bytes, request_id: str, hold_s: float) -> bytes:
    response = None
    try:
        handle = await asyncio.to_thread(_handle, application)
        response = handle.grpc.remote(path, message, request_id)
        told: bytes | ModelyardError = await asyncio.wait_for(response, hold_s)
    except TimeoutError:
        raise ModelNotReady(f"{application!r} had no replica within {hold_s:g} s") from None
    except (RayError, serve.exceptions.RayServeException) as error:
        raise ModelNotReady(f"no replica of {application!r} answered") from error
    except asyncio.CancelledError:
        if response is not None:
            response.cancel()  # else it would be answered to nobody
        raise
    if isinstance(told, ModelyardError):
        raise told
    return told


async def answered(call: Awaitable[bytes], request_id: str) -> bytes | ModelyardError:
    """The other end: what a deployment's `grpc` gives back. Raised, an error would lose its type on the way."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - who asked can tell a client of any
        log_internal_error(error, request_id)
        return error if isinstance(error, ModelyardError) else UNKNOWN


@cache
def _handle(application: str) -> DeploymentHandle:
    return serve.get_app_handle(application)
