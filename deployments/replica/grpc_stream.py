"""`ModelStreamInfer`: a stream of infer requests to one model, in Triton's form."""

from collections.abc import Callable
from typing import Any

from deployments.lane.endpoint import Begun
from deployments.lane.grpc import note
from deployments.lane.grpc_stream import Question, StreamEndpoint
from deployments.protocols.grpc.messages import INFERENCE, ModelStreamInferResponse, methods
from deployments.protocols.grpc.status import status_of
from deployments.replica.grpc_infer import GrpcInfer

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
        try:
            origin = infer.origin(question.request_id, question.message_bytes, question.headers)
            return infer.begin(message, origin, done)
        except Exception as error:  # noqa: BLE001 - a request that fails leaves its stream open
            done(error)
            return None

    return StreamEndpoint(METHOD, ask, limit_bytes=infer.limit_bytes)


def _failed(error: Exception, message_id: str, request_id: str) -> Any:
    """As Triton answers: beside the error stands the request's own id, by which its client finds the request."""
    note(error, request_id)
    _, message = status_of(error)
    return ModelStreamInferResponse(error_message=message, infer_response={"id": message_id})
