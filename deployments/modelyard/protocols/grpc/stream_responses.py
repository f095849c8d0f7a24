"""The responses of `ModelStreamInfer`: in Triton's form, or in MLServer's if the client requests it.

Both servers have this method, with incompatible response messages. Triton's is an envelope of a response or an error message.
MLServer's is the response itself, and an error ends the stream.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from modelyard.protocols.grpc.messages import INFERENCE, ModelStreamInferResponse, methods
from modelyard.protocols.grpc.status import status_of
from modelyard.protocols.grpc.stream_call import StreamRequest
from modelyard.protocols.grpc.unary import log_internal_error

INFER = methods(INFERENCE)["ModelInfer"]

Infer = Callable[[Any, str], Awaitable[bytes]]
"""From a ModelInferRequest and a request id to the serialized ModelInferResponse. Raises the request's error."""
STREAM_FORM, MLSERVER = b"modelyard-stream-form", b"mlserver"
"""The metadata that requests MLServer's form, and its value."""


async def forward_message(message: Any, stream_request: StreamRequest, infer: Infer) -> None:
    """Send the response that `infer` returns, or its error. In Triton's form the error leaves the stream open."""
    try:
        send_response(stream_request, INFER.response.FromString(await infer(message, stream_request.request_id)))
    except Exception as error:  # noqa: BLE001 - every error becomes a response
        send_error(stream_request, error, message.id)
    else:
        stream_request.finish()


def send_response(stream_request: StreamRequest, response: Any) -> None:
    """Send a ModelInferResponse in the form of the stream."""
    stream_request.send(response if _is_mlserver(stream_request) else ModelStreamInferResponse(infer_response=response))


def send_error(stream_request: StreamRequest, error: Exception, message_id: str) -> None:
    """End a request with an error. In Triton's form the stream stays open, and the response has the id that the client gave."""
    if _is_mlserver(stream_request):
        stream_request.fail(error)
        return
    log_internal_error(error, stream_request.request_id)
    _, message = status_of(error)
    stream_request.send(ModelStreamInferResponse(error_message=message, infer_response={"id": message_id}))
    stream_request.finish()


def _is_mlserver(stream_request: StreamRequest) -> bool:
    return any(name == STREAM_FORM and value == MLSERVER for name, value in stream_request.headers)
