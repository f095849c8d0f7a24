"""A response in parts as server-sent events."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from modelyard.http.asgi import HttpStream, logged_error_response
from modelyard.http.request import HttpRequest
from modelyard.http.sse import HEADERS, event
from modelyard.protocols.awaiting import read_body
from modelyard.protocols.endpoint import CodecEndpoint, DecodedT
from modelyard.tensors import Tensors


async def event_stream(
    endpoint: CodecEndpoint[DecodedT, Any],
    encode: Callable[[DecodedT, Tensors], bytes],
    request: HttpRequest,
    *,
    limit: int,
    error_event: bytes = b"",
) -> HttpStream:
    """The response, once its first part is computed. An error until then is raised, and becomes an ordinary response.

    Later errors are events of the type `error_event`. `encode` writes a part as JSON on one line. `limit` is the body's, in bytes.
    """
    body = await read_body(request, endpoint, limit)
    content_type, headers = request.headers.get(b"content-type", b""), tuple(request.headers.items())
    parts = await endpoint.parts(body, content_type, headers, request.request_id, encode)
    first = await anext(parts, None)
    return HttpStream(200, HEADERS, _events(first, parts, request, error_event))


async def _events(
    first: bytes | None, parts: AsyncGenerator[bytes], request: HttpRequest, error_event: bytes
) -> AsyncGenerator[bytes]:
    async with aclosing(parts):
        try:
            if first is not None:
                yield event(first)
            async for part in parts:
                yield event(part)
        except Exception as error:  # noqa: BLE001 - the response has begun: the error becomes its last event
            yield event(logged_error_response(error, request.request_id, request.path).body, error_event)
