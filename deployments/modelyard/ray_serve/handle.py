"""Calls of another application through Ray Serve's handle: slower than the edge, but it wakes a model that is scaled to zero."""

import asyncio
from collections.abc import Awaitable
from functools import cache
from typing import Literal, TypeVar

from ray import serve
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from modelyard.errors import ModelNotReady, ModelyardError
from modelyard.http.problem import UNKNOWN
from modelyard.protocols.grpc.unary import log_internal_error

T = TypeVar("T")
HOLD_S = 30.0
"""How long a call waits for a model that is scaled to zero: about three cold starts, as at the edge."""
GATEWAY = "gateway"
"""The gateway's application, as `control.applications` names it."""
GATEWAY_OVERHEAD_S = 5.0
"""How much longer a call may take that goes through the gateway."""
LOAD_S = 600.0
"""How long a request to load or evict a model may take. A replica ends a load earlier, at the model's `load_timeout_s`."""


async def call_model(application: str, path: bytes, message: bytes, request_id: str) -> bytes:
    """The response of an application's replica to a gRPC message; `path` is that of the method. Raises the replica's error, or
    ModelNotReady."""
    return await _call(application, path, message, request_id, HOLD_S)


async def call_gateway(path: bytes, message: bytes, request_id: str) -> bytes:
    """The same through the gateway, which also knows models without a replica and unknown ones."""
    return await _call(GATEWAY, path, message, request_id, HOLD_S + GATEWAY_OVERHEAD_S)


async def change_residency(application: str, model: str, change: Literal["load", "evict"]) -> None:
    """Load or evict a model in every replica of a pool's application that runs now.

    A replica that starts later, or dies meanwhile, is left out. Raises the first error of a replica, and ModelNotReady if none
    responds.
    """
    try:
        handle = await asyncio.to_thread(_handle, application)
        responses = handle.broadcast("change_residency", model, change)
        results = await responses.results_async(timeout_s=LOAD_S, return_exceptions=True)
    except TimeoutError:
        raise ModelNotReady(f"the pool of model {model!r} did not respond within {LOAD_S:g} s") from None
    except (RayError, serve.exceptions.RayServeException) as error:
        raise ModelNotReady("no replica of the pool responded") from error
    errors = [result for result in results if isinstance(result, ModelyardError)]
    if errors:
        raise errors[0]
    if results and all(isinstance(result, BaseException) for result in results):
        raise ModelNotReady("no replica of the pool responded") from results[0]


async def _call(application: str, path: bytes, message: bytes, request_id: str, hold_s: float) -> bytes:
    response = None
    try:
        handle = await asyncio.to_thread(_handle, application)
        response = handle.grpc.remote(path, message, request_id)
        outcome: bytes | ModelyardError = await asyncio.wait_for(response, hold_s)
    except TimeoutError:
        raise ModelNotReady(f"no replica of model {application!r} was available within {hold_s:g} s") from None
    except (RayError, serve.exceptions.RayServeException) as error:
        raise ModelNotReady(f"no replica of model {application!r} responded") from error
    except asyncio.CancelledError:
        if response is not None:
            response.cancel()  # else it would run on without a reader
        raise
    if isinstance(outcome, ModelyardError):
        raise outcome
    return outcome


async def result_or_error(call: Awaitable[T], request_id: str) -> T | ModelyardError:
    """The result of a deployment's method. An error is returned, because a raised one would lose its type on the way."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - the caller converts any error for its client
        log_internal_error(error, request_id)
        return error if isinstance(error, ModelyardError) else UNKNOWN


@cache
def _handle(application: str) -> DeploymentHandle:
    return serve.get_app_handle(application)
