"""An endpoint's reply for whoever can wait: the ASGI path."""

import asyncio
from collections.abc import Callable

from deployments.errors import UnsupportedMediaType
from deployments.lane.endpoint import Begun, Endpoint, Made, Reply
from deployments.protocols.http import HttpRequest
from deployments.protocols.problem import HttpAnswer


async def asked(request: HttpRequest, endpoint: Endpoint) -> HttpAnswer:
    """An endpoint's answer to a request. Raises its error."""
    check_not_encoded(request, endpoint)
    content_type = request.headers.get(b"content-type", b"")
    headers = tuple(request.headers.items())
    made = await replied(lambda reply: endpoint.start(request.body, content_type, headers, reply, request.request_id))
    return made.whole()


def check_not_encoded(request: HttpRequest, endpoint: Endpoint) -> None:
    """Raise UnsupportedMediaType where the body has a content coding."""
    encoding = request.headers.get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        error = UnsupportedMediaType(
            f"content encoding {encoding.decode('latin-1')!r} is not taken; send the body as it is"
        )
        endpoint.unread(error, request.request_id)
        raise error


async def replied(start: Callable[[Reply], Begun]) -> Made:
    """What an endpoint replies. Raises its error; whoever stops waiting cancels the request."""
    outcome: asyncio.Future[Made] = asyncio.get_running_loop().create_future()

    def reply(result: Made | Exception) -> None:
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
