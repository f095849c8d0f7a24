"""An answer in parts as server-sent events."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from modelyard.http.asgi import HttpStream, logged_error_response
from modelyard.http.request import HttpRequest
from modelyard.http.sse import HEADERS, event
from modelyard.protocols.awaiting import parts
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.waiting import decoded
from modelyard.tensors import InferRequest, Tensors

Decode = Callable[[bytes], Awaitable[tuple[InferRequest, Callable[[Tensors], bytes]]]]
"""A body to what it asks for, and what writes each part, as JSON on one line."""


async def event_stream(
    version: RunningVersion, protocol: str, request: HttpRequest, decode: Decode, *, limit: int, error_kind: bytes = b""
) -> HttpStream:
    """The answer, once its first part is there: what goes wrong until then is raised, to become an ordinary answer.

    What goes wrong later is an event of `error_kind`. `protocol` is for metrics, `limit` is of the body in bytes.
    """
    open_requests = version.server.open_requests
    headers = tuple(request.headers.items())
    context = open_requests.context(version.recorders[protocol], request.request_id, len(request.body), headers)
    try:
        asked, encode = await decode(await decoded(request, limit))
    except Exception as error:
        open_requests.refuse(context, error)
        raise
    documents = parts(version.server, asked, context, encode)
    first = await anext(documents, None)
    return HttpStream(200, HEADERS, _events(first, documents, request, error_kind))


async def _events(
    first: bytes | None, documents: AsyncGenerator[bytes], request: HttpRequest, error_kind: bytes
) -> AsyncGenerator[bytes]:
    async with aclosing(documents):
        try:
            if first is not None:
                yield event(first)
            async for document in documents:
                yield event(document)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            yield event(logged_error_response(error, request.request_id, request.path).body, error_kind)
