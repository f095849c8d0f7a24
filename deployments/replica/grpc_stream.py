"""`ModelStreamInfer`: a stream of infer requests to one model, in Triton's form."""

from collections.abc import Callable
from typing import Any

from deployments.errors import ModelyardError
from deployments.lane.endpoint import Begun
from deployments.lane.grpc import note
from deployments.lane.grpc_stream import Question, StreamEndpoint
from deployments.protocols.grpc.messages import INFERENCE, ModelStreamInferResponse, methods
from deployments.protocols.grpc.status import status_of
from deployments.replica.grpc_infer import Asked, GrpcInfer
from deployments.serving.generation import Generations
from deployments.serving.recorder import Origin
from deployments.serving.ticket import Answer
from deployments.tensors import Tensors

METHOD = methods(INFERENCE)["ModelStreamInfer"]


def stream_infer(infer: GrpcInfer, arrived: Callable[[], None]) -> StreamEndpoint:
    """The endpoint. `arrived` is told of every request, as the lane tells of those that are no part of a stream."""

    def ask(message: Any, question: Question) -> Begun | None:
        def done(outcome: Any) -> None:
            if isinstance(outcome, Exception):
                outcome = _failed(outcome, message.id, question.request_id)
            else:
                outcome = ModelStreamInferResponse(infer_response=outcome)
            question.tell(outcome)
            question.finish()

        arrived()
        origin = infer.origin(question.request_id, question.message_bytes, question.headers)
        try:
            asked = infer.read(message, origin)
            if asked.server.generations is None:
                return infer.submit(asked, origin, done)
            return _generate(asked.server.generations, asked, origin, question, done)
        except Exception as error:  # noqa: BLE001 - a request that fails leaves its stream open
            done(error)
            return None

    return StreamEndpoint(METHOD, ask, limit_bytes=infer.limit_bytes)


def _generate(
    generations: Generations, asked: Asked, origin: Origin, question: Question, failed: Callable[[Any], None]
) -> Begun:
    """Answer with a response for each part, as Triton's decoupled models do, and an empty last one where that is wanted."""
    codec, call = asked.codec, asked.call

    def part(outputs: Tensors) -> None:
        question.tell(ModelStreamInferResponse(infer_response=codec.encode(call, outputs, last=False)))
        question.when_room(generation.go_on)

    def done(answer: Answer | ModelyardError) -> Exception | None:
        if not isinstance(answer, Answer):
            failed(answer)
            return None
        if call.tell_final:
            question.tell(ModelStreamInferResponse(infer_response=codec.end(call)))
        question.finish()
        return None

    generation = generations.begin(call.request, part, done, origin, call.timeout_s)
    generation.go_on()
    return generation


def _failed(error: Exception, message_id: str, request_id: str) -> Any:
    """As Triton answers: beside the error stands the request's own id, by which its client finds the request."""
    note(error, request_id)
    _, message = status_of(error)
    return ModelStreamInferResponse(error_message=message, infer_response={"id": message_id})
