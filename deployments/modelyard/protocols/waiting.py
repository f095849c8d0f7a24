"""A request's body and an endpoint's reply for whoever can wait: the ASGI path."""

import asyncio
from collections.abc import Callable

from modelyard.http.compression import inflated
from modelyard.http.endpoint import CancelHandle, Endpoint, Reply, Response
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.oip.endpoint import OFF_THE_LOOP_BYTES


async def respond_with(request: HttpRequest, endpoint: Endpoint, limit: int) -> HttpResponse:
    """An endpoint's answer to a request, whose body may have `limit` bytes without its content coding. Raises its error."""
    body = await read(request, endpoint, limit)
    content_type = request.headers.get(b"content-type", b"")
    headers = tuple(request.headers.items())
    made = await await_response(lambda reply: endpoint.start(body, content_type, headers, reply, request.request_id))
    return made.to_http_response()


async def read(request: HttpRequest, endpoint: Endpoint, limit: int) -> bytes:
    """The body without its content coding. Raises what `inflated` does; the endpoint records it."""
    try:
        return await decoded(request, limit)
    except Exception as error:
        endpoint.unread(error, request.request_id)
        raise


async def decoded(request: HttpRequest, limit: int) -> bytes:
    """The body without its content coding. Raises what `inflated` does."""
    encoding = request.headers.get(b"content-encoding", b"")
    if not encoding:
        return request.body
    if len(request.body) < OFF_THE_LOOP_BYTES:
        body = inflated(request.body, encoding, limit)
    else:
        body = await asyncio.to_thread(inflated, request.body, encoding, limit)
    request.body = b""
    request.holds(len(body))
    return body


async def await_response(start: Callable[[Reply], CancelHandle]) -> Response:
    """What an endpoint replies. Raises its error; whoever stops waiting cancels the request."""
    outcome: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def reply(result: Response | Exception) -> None:
        if outcome.done():
            return
        if isinstance(result, Exception):
            outcome.set_exception(result)
        else:
            outcome.set_result(result)

    begun = start(reply)
    try:
        return await outcome
    except asyncio.CancelledError:
        begun.cancel()
        raise
