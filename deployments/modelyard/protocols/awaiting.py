"""Awaitable forms of callbacks, for the ASGI path, WebSockets and responses in parts."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from modelyard.errors import ModelyardError
from modelyard.http.compression import OFF_THE_LOOP_BYTES, decompress
from modelyard.http.endpoint import Endpoint, Response
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.inference.generation import Generations
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.service import CancelHandle, Service
from modelyard.tensors import InferRequest, Tensors

T = TypeVar("T")


async def respond_with(request: HttpRequest, endpoint: Endpoint, limit: int) -> HttpResponse:
    """An endpoint's response. The body may have `limit` bytes without its content coding. Raises the request's error."""
    body = await read_body(request, endpoint, limit)
    content_type = request.headers.get(b"content-type", b"")
    headers = tuple(request.headers.items())
    response: Response = await await_response(
        lambda reply: endpoint.start(body, content_type, headers, reply, request.request_id)
    )
    return response.to_http_response()


async def read_body(request: HttpRequest, endpoint: Endpoint, limit: int) -> bytes:
    """The body without its content coding. Raises what `decompress` does, after `endpoint` has recorded it."""
    encoding = request.headers.get(b"content-encoding", b"")
    if not encoding:
        return request.body
    try:
        if len(request.body) < OFF_THE_LOOP_BYTES:
            body = decompress(request.body, encoding, limit)
        else:
            body = await asyncio.to_thread(decompress, request.body, encoding, limit)
    except Exception as error:
        endpoint.reject(error, request.request_id)
        raise
    request.body = b""
    request.set_held_bytes(len(body))
    return body


async def await_response(start: Callable[[Callable[[T | Exception], None]], CancelHandle]) -> T:
    """What an endpoint replies to what `start` starts. Raises its error; a cancelled wait cancels the request."""
    outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def reply(result: T | Exception) -> None:
        if outcome.done():
            return
        if isinstance(result, Exception):
            outcome.set_exception(result)
        else:
            outcome.set_result(result)

    handle = start(reply)
    try:
        return await outcome
    except asyncio.CancelledError:
        handle.cancel()
        raise


async def response_parts(
    service: Service,
    generations: Generations | None,
    request: InferRequest,
    context: RequestContext,
    encode: Callable[[Tensors], T],
) -> AsyncGenerator[T]:
    """Each part, encoded; without generations, the whole response as the only one. Raises the request's error.

    A part is computed when it is asked for. Closing the generator cancels the request.
    """
    mailbox: _Mailbox[T] = _Mailbox(encode)
    if generations is None:
        handle = service.submit(request, context, mailbox.complete_whole)
        try:
            if (whole := await mailbox.next()) is not None:
                yield whole
        finally:
            handle.cancel()
        return
    generation = generations.begin(request, mailbox.put, mailbox.complete, context)
    try:
        generation.go_on()
        while (part := await mailbox.next()) is not None:
            yield part
            generation.go_on()
    finally:
        generation.cancel()


class _Mailbox(Generic[T]):
    """Passes parts from callbacks to one waiting task, one at a time."""

    def __init__(self, encode: Callable[[Tensors], T]) -> None:
        self._encode = encode
        self._item: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

    async def next(self) -> T | None:
        """The next part, None behind the last. Raises the request's error."""
        item = await self._item
        self._item = asyncio.get_running_loop().create_future()
        return item

    def put(self, outputs: Tensors) -> None:
        """See `generation.Part`."""
        encoded = self._encode(outputs)
        if not self._item.cancelled():
            self._item.set_result(encoded)

    def complete(self, result: InferResponse | ModelyardError) -> Exception | None:
        """See `service.Complete`."""
        if self._item.cancelled():  # the task that waited has ended, and cancels the request
            return None
        if isinstance(result, InferResponse):
            self._item.set_result(None)
        else:
            self._item.set_exception(result)
        return None

    def complete_whole(self, result: InferResponse | ModelyardError) -> Exception | None:
        """The same for a response that is not in parts."""
        if not isinstance(result, InferResponse):
            return self.complete(result)
        try:
            self.put(result.outputs)
        except Exception as error:  # noqa: BLE001 - outputs that cannot be encoded are this request's error alone
            if not self._item.cancelled():
                self._item.set_exception(error)
            return error
        return None
