"""What `ModelStreamInfer` tells of a question: in Triton's form, or in MLServer's where the client says so.

Both have the method under the same name with other responses. Triton's is an envelope of a response and an error's message;
MLServer's is the response itself, and an error ends the stream. Neither reads the other's.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from modelyard.protocols.grpc.messages import INFERENCE, ModelStreamInferResponse, methods
from modelyard.protocols.grpc.status import status_of
from modelyard.protocols.grpc.stream_call import Question
from modelyard.protocols.grpc.unary import note

INFER = methods(INFERENCE)["ModelInfer"]

Infer = Callable[[Any, str], Awaitable[bytes]]
"""From a ModelInferRequest and a request's id to the ModelInferResponse, written. Raises what is wrong."""


FORM, MLSERVER = b"modelyard-stream-form", b"mlserver"
"""The metadata with which a client asks for MLServer's form, and its value."""


async def pass_on(message: Any, question: Question, infer: Infer) -> None:
    """Answer with the one response that `infer` gives, or with its error, which is this question's alone in Triton's form."""
    try:
        tell(question, INFER.response.FromString(await infer(message, question.request_id)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the client is answered
        fail(question, error, message.id)
    else:
        question.finish()


def tell(question: Question, response: Any) -> None:
    """One ModelInferResponse, in the form of the stream."""
    question.tell(response if _plain(question) else ModelStreamInferResponse(infer_response=response))


def fail(question: Question, error: Exception, message_id: str) -> None:
    """The end of a question that failed. In Triton's form the request's own id stands beside the error, by which its client finds
    the request, and the stream goes on."""
    if _plain(question):
        question.fail(error)
        return
    note(error, question.request_id)
    _, words = status_of(error)
    question.tell(ModelStreamInferResponse(error_message=words, infer_response={"id": message_id}))
    question.finish()


def _plain(question: Question) -> bool:
    return any(name == FORM and value == MLSERVER for name, value in question.headers)
