"""A model's replica, asked by Ray Serve's own way."""

import asyncio
from functools import cache

from ray import serve
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from deployments.errors import ModelNotReady, ModelyardError

HOLD_S = 30.0
"""How long a call waits for a model that is scaled to zero: about three cold starts. As the edge does over HTTP."""


async def ask_replica(model: str, path: bytes, message: bytes, request_id: str) -> bytes:
    """A replica's answer to a gRPC message; see `grpc_models.AskReplica`."""
    try:
        handle = await asyncio.to_thread(_handle, model)
        told: bytes | ModelyardError = await asyncio.wait_for(handle.grpc.remote(path, message, request_id), HOLD_S)
    except TimeoutError:
        raise ModelNotReady(f"model {model!r} had no replica within {HOLD_S:g} s") from None
    except (RayError, serve.exceptions.RayServeException) as error:
        raise ModelNotReady(f"no replica of model {model!r} answered") from error
    if isinstance(told, ModelyardError):
        raise told
    return told


@cache
def _handle(model: str) -> DeploymentHandle:
    return serve.get_app_handle(model)
