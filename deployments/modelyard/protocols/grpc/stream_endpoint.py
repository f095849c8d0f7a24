"""`ModelStreamInfer`: a stream of infer requests, most of them to this replica's model."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.http.endpoint import CancelHandle
from modelyard.inference.generation import Generations
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.protocols.grpc.endpoint import Asked, GrpcInferEndpoint
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_responses import INFER, fail, pass_on, tell
from modelyard.protocols.grpc.streaming import Question, StreamEndpoint
from modelyard.tensors import Tensors

METHOD = methods(INFERENCE)["ModelStreamInfer"]
AskOthers = Callable[[bytes, bytes, str], Awaitable[bytes]]
"""Another model's answer, from the path of the call, the message and the request's id. Raises its error."""


def stream_infer(infer: GrpcInferEndpoint, arrived: Callable[[], None], others: AskOthers) -> StreamEndpoint:
    """The endpoint. `arrived` is told of every request, as the lane tells of those that are no part of a stream.

    HAProxy sends a stream to the model of its first message; those for another model are passed on to `others`.
    """

    async def ask_others(message: Any, request_id: str) -> bytes:
        return await others(INFER.path, message.SerializeToString(), request_id)

    def ask(message: Any, question: Question) -> CancelHandle | None:
        if message.model_name != infer.name:
            return asyncio.get_running_loop().create_task(pass_on(message, question, ask_others))

        def done(outcome: Any) -> None:
            if isinstance(outcome, Exception):
                fail(question, outcome, message.id)
            else:
                tell(question, outcome)
                question.finish()

        arrived()
        context = infer.context(question.request_id, question.message_bytes, question.headers)
        try:
            asked = infer.read(message, context)
            if asked.server.generations is None:
                return infer.submit(asked, context, done)
            return _generate(asked.server.generations, asked, context, question, done)
        except Exception as error:  # noqa: BLE001 - a request that fails leaves its stream open
            done(error)
            return None

    return StreamEndpoint(METHOD, ask, limit_bytes=infer.limit_bytes)


def _generate(
    generations: Generations, asked: Asked, context: RequestContext, question: Question, failed: Callable[[Any], None]
) -> CancelHandle:
    """InferResponse with a response for each part, as Triton's decoupled models do, and an empty last one where that is wanted."""
    codec, call = asked.codec, asked.call

    def part(outputs: Tensors) -> None:
        tell(question, codec.encode(call, outputs, last=False))
        question.when_room(generation.go_on)

    def done(answer: InferResponse | ModelyardError) -> Exception | None:
        if not isinstance(answer, InferResponse):
            failed(answer)
            return None
        if call.tell_final:
            tell(question, codec.end(call))
        question.finish()
        return None

    generation = generations.begin(call.request, part, done, context, call.timeout_s)
    generation.go_on()
    return generation
