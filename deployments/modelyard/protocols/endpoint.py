"""The way of a request through one version, whatever its protocol: decode, submit, encode, write."""

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from modelyard.errors import ModelyardError
from modelyard.http.asgi import logged_error_response
from modelyard.http.endpoint import Header
from modelyard.http.http1 import WholeResponse
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.service import CancelHandle, Service
from modelyard.protocols.awaiting import response_parts
from modelyard.protocols.decoder.job import LARGE_BYTES, DecodeJob
from modelyard.protocols.decoder.request import DeferredRequest
from modelyard.protocols.running_version import RunningVersion
from modelyard.tensors import InferRequest, Tensors


class Decoded(Protocol):
    """A decoded request, with whatever else its response needs."""

    @property
    def request(self) -> InferRequest:
        """What the model is given."""

    @property
    def timeout_s(self) -> float | None:
        """The client's own deadline; the model's applies where it is shorter."""


DecodedT = TypeVar("DecodedT", bound=Decoded)
ResponseT = TypeVar("ResponseT")
ResponseT_co = TypeVar("ResponseT_co", covariant=True)
PartT = TypeVar("PartT")


class Operation(Protocol[DecodedT, ResponseT_co]):
    """What one of a protocol's paths does with one version, as pure functions."""

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodedT:
        """Raises what is wrong with the request."""

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """The same decoding, for the process that decodes large bodies."""

    def respond(self, decoded: DecodedT, response: InferResponse) -> ResponseT_co:
        """The response, ready to be written. Raises where an output has no form in this protocol."""


class Completion(Generic[DecodedT, ResponseT]):
    """What follows a request's result: it is encoded, then written. `OpenRequests.close`, which calls this, records it last."""

    __slots__ = ("_decoded", "_respond", "_write")

    def __init__(
        self,
        respond: Callable[[DecodedT, InferResponse], ResponseT],
        decoded: DecodedT,
        write: Callable[[ResponseT | Exception], object],
    ) -> None:
        self._respond = respond
        self._decoded = decoded
        self._write = write

    def __call__(self, result: InferResponse | ModelyardError) -> Exception | None:
        """See `service.Complete`."""
        if not isinstance(result, InferResponse):
            self._write(result)
            return None
        try:
            response = self._respond(self._decoded, result)
        except Exception as error:  # noqa: BLE001 - outputs that cannot be encoded are this request's error alone
            self._write(error)
            return error
        self._write(response)
        return None


def submit(
    service: Service,
    decoded: DecodedT,
    context: RequestContext,
    respond: Callable[[DecodedT, InferResponse], ResponseT],
    write: Callable[[ResponseT | Exception], object],
) -> CancelHandle:
    """Submit a decoded request. `write` gets its response or error once, unless the request is cancelled."""
    context.timeout_s = decoded.timeout_s
    return service.submit(decoded.request, context, Completion(respond, decoded, write))


class CodecEndpoint(Generic[DecodedT, ResponseT]):
    """An operation as an `Endpoint`, on the fast path and on the ASGI path."""

    def __init__(self, operation: Operation[DecodedT, ResponseT], version: RunningVersion, protocol: str) -> None:
        """`protocol` is its label in the metrics."""
        self._operation = operation
        self._service = version.service
        self._scheduler = version.scheduler
        self._open_requests = version.scheduler.open_requests
        self._recorder = version.recorders[protocol]
        self._decoder = version.decoder

    def start(
        self,
        body: bytes,
        content_type: bytes,
        headers: Sequence[Header],
        reply: Callable[[ResponseT | Exception], None],
        request_id: str,
    ) -> CancelHandle:
        """See `Endpoint`."""
        context = self._open_requests.context(self._recorder, request_id, len(body), headers)
        operation = self._operation
        if len(body) > LARGE_BYTES and (job := operation.job(body, content_type, headers)).is_large:
            begin = partial(self._submit, context)
            return DeferredRequest(self._decoder, job, begin, reply, open_requests=self._open_requests, context=context)
        try:
            decoded = operation.decode(body, content_type, headers)
        except Exception as error:
            self._open_requests.reject(context, error)
            raise
        return self._submit(context, decoded, reply)

    async def parts(
        self,
        body: bytes,
        content_type: bytes,
        headers: Sequence[Header],
        request_id: str,
        encode: Callable[[DecodedT, Tensors], PartT],
    ) -> AsyncGenerator[PartT]:
        """The response in parts, each computed when it is awaited; one part where the model does not generate.

        Raises what is wrong with the request; the generator raises every later error. Closing it cancels the request.
        """
        context = self._open_requests.context(self._recorder, request_id, len(body), headers)
        try:
            decoded: DecodedT = await self._decoder.decode(self._operation.job(body, content_type, headers))
        except Exception as error:
            self._open_requests.reject(context, error)
            raise
        context.timeout_s = decoded.timeout_s
        generations = self._scheduler.generations
        return response_parts(self._service, generations, decoded.request, context, partial(encode, decoded))

    def reject(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        self._open_requests.reject(self._open_requests.context(self._recorder, request_id), error)

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """See `Endpoint`."""
        return WholeResponse(logged_error_response(error, request_id, path))

    def _submit(
        self, context: RequestContext, decoded: DecodedT, reply: Callable[[ResponseT | Exception], None]
    ) -> CancelHandle:
        return submit(self._service, decoded, context, self._operation.respond, reply)
