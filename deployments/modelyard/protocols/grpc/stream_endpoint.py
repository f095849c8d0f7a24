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
from modelyard.protocols.grpc.stream_call import Question, StreamEndpoint
from modelyard.protocols.grpc.stream_responses import INFER, fail, pass_on, tell
from modelyard.tensors import Tensors

METHOD = methods(INFERENCE)["ModelStreamInfer"]
InferOther = Callable[[bytes, bytes, str], Awaitable[bytes]]
"""Another model's response, from the path of the call, the message and the request's id. Raises its error."""


def stream_infer(infer: GrpcInferEndpoint, arrived: Callable[[], None], others: InferOther) -> StreamEndpoint:
    """The endpoint. `arrived` is called for every request, as the fast path calls it for those outside streams.

    HAProxy sends a stream to the model of its first message; messages for other models are forwarded to `others`.
    """

    async def forward(message: Any, request_id: str) -> bytes:
        return await others(INFER.path, message.SerializeToString(), request_id)

    def on_message(message: Any, question: Question) -> CancelHandle | None:
        if message.model_name != infer.name:
            return asyncio.get_running_loop().create_task(pass_on(message, question, forward))

        def write(outcome: Any) -> None:
            if isinstance(outcome, Exception):
                fail(question, outcome, message.id)
            else:
                tell(question, outcome)
                question.finish()

        arrived()
        context = infer.context(question.request_id, question.message_bytes, question.headers)
        try:
            decoded = infer.read(message, context)
            generations = decoded.version.scheduler.generations
            if generations is None:
                return infer.submit(decoded, context, write)
            return _generate(generations, decoded, context, question, write)
        except Exception as error:  # noqa: BLE001 - a request that fails leaves its stream open
            write(error)
            return None

    return StreamEndpoint(METHOD, on_message, limit_bytes=infer.limit_bytes)


def _generate(
    generations: Generations,
    decoded: DecodedMessage,
    context: RequestContext,
    question: Question,
    fail_request: Callable[[Any], None],
) -> CancelHandle:
    """Respond to each part, as Triton's decoupled models do, with an empty last response where the client wants one."""
    codec, call = decoded.codec, decoded.call
    context.timeout_s = decoded.timeout_s

    def on_part(outputs: Tensors) -> None:
        tell(question, codec.encode(call, outputs, last=False))
        question.when_room(generation.go_on)

    def complete(result: InferResponse | ModelyardError) -> Exception | None:
        if not isinstance(result, InferResponse):
            fail_request(result)
            return None
        if call.tell_final:
            tell(question, codec.end(call))
        question.finish()
        return None

    generation = generations.begin(call.request, on_part, complete, context)
    generation.go_on()
    return generation
