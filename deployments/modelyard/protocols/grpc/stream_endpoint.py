"""`ModelStreamInfer`: a stream of infer requests, most of them for this replica's model."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.inference.generation import Generations
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.endpoint import DecodedMessage, GrpcInferEndpoint
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest
from modelyard.protocols.grpc.stream_responses import INFER, forward_message, send_error, send_response
from modelyard.tensors import Tensors

METHOD = methods(INFERENCE)["ModelStreamInfer"]
InferOther = Callable[[bytes, bytes, str], Awaitable[bytes]]
"""Another model's response, from the path of the call, the message and the request's id. Raises its error."""


def stream_infer(infer: GrpcInferEndpoint, arrived: Callable[[], None], others: InferOther) -> GrpcStreamEndpoint:
    """The endpoint. `arrived` is called for every request, as the fast path calls it for those outside streams.

    HAProxy sends a stream to the model of its first message; messages for other models are forwarded to `others`.
    """

    def on_message(message: Any, stream_request: StreamRequest) -> CancelHandle | None:
        if message.model_name != infer.name:
            return forward_to(others, message, stream_request)
        arrived()
        return begin(infer, message, stream_request)

    return GrpcStreamEndpoint(METHOD, on_message, limit_bytes=infer.limit_bytes)


def begin(infer: GrpcInferEndpoint, message: Any, stream_request: StreamRequest) -> CancelHandle | None:
    """Start one message of a stream on the model that it names. Its errors are responses: the stream stays open."""

    def write(outcome: Any) -> None:
        if isinstance(outcome, Exception):
            send_error(stream_request, outcome, message.id)
        else:
            send_response(stream_request, outcome)
            stream_request.finish()

    context = infer.context(stream_request.request_id, stream_request.message_bytes, stream_request.headers)
    try:
        decoded = infer.read(message, context)
        generations = decoded.version.scheduler.generations
        if generations is None:
            return infer.submit(decoded, context, write)
        return _generate(generations, decoded, context, stream_request, write)
    except Exception as error:  # noqa: BLE001 - a request that fails leaves its stream open
        write(error)
        return None


def forward_to(others: InferOther, message: Any, stream_request: StreamRequest) -> CancelHandle:
    """Send one message of a stream to a model that is in another process."""

    async def forward(message: Any, request_id: str) -> bytes:
        return await others(INFER.path, message.SerializeToString(), request_id)

    return asyncio.get_running_loop().create_task(forward_message(message, stream_request, forward))


def _generate(
    generations: Generations,
    decoded: DecodedMessage,
    context: RequestContext,
    stream_request: StreamRequest,
    fail_request: Callable[[Any], None],
) -> CancelHandle:
    """Respond to each part, as Triton's decoupled models do, with an empty last response where the client wants one."""
    codec, grpc_request = decoded.codec, decoded.grpc_request
    context.timeout_s = decoded.timeout_s

    def on_part(outputs: Tensors) -> None:
        send_response(stream_request, codec.encode(grpc_request, outputs, last=False))
        stream_request.when_writable(generation.go_on)

    def complete(result: InferResponse | ModelyardError) -> Exception | None:
        if not isinstance(result, InferResponse):
            fail_request(result)
            return None
        if grpc_request.final_response:
            send_response(stream_request, codec.end(grpc_request))
        stream_request.finish()
        return None

    generation = generations.begin(grpc_request.request, on_part, complete, context)
    generation.go_on()
    return generation
