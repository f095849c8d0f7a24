"""What `ModelStreamInfer` tells of a question that is answered elsewhere, and of one that failed: Triton's form."""

from collections.abc import Awaitable, Callable
from typing import Any

from deployments.lane.grpc import note
from deployments.lane.grpc_stream import Question
from deployments.protocols.grpc.messages import INFERENCE, ModelStreamInferResponse, methods
from deployments.protocols.grpc.status import status_of

INFER = methods(INFERENCE)["ModelInfer"]

Infer = Callable[[Any, str], Awaitable[bytes]]
"""From a ModelInferRequest and a request's id to the ModelInferResponse, written. Raises what is wrong."""


async def pass_on(message: Any, question: Question, infer: Infer) -> None:
    """Answer with the one response that `infer` gives, or with its error, which leaves the stream open."""
    try:
        told = ModelStreamInferResponse(
            infer_response=INFER.response.FromString(await infer(message, question.request_id))
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this question's alone
        told = failed(error, message.id, question.request_id)
    question.tell(told)
    question.finish()


def failed(error: Exception, message_id: str, request_id: str) -> Any:
    """Beside the error stands the request's own id, by which its client finds the request."""
    note(error, request_id)
    _, words = status_of(error)
    return ModelStreamInferResponse(error_message=words, infer_response={"id": message_id})
