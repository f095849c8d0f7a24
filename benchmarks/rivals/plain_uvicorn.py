"""A minimal Python server: raw ASGI, orjson and the model, without batching and checks.

uvicorn runs `app` on uvloop and httptools; MODEL is the path of the model.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from benchmarks.rivals.inference import Model, load
from benchmarks.rivals.oip_binary import HEADER_LENGTH, read_request, write_response

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class PlainServer:
    """The ASGI application."""

    def __init__(self, model: Model) -> None:
        self.model = model

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        header_length = dict(scope["headers"]).get(HEADER_LENGTH.encode())
        if header_length:
            headers, response = self.infer(body, int(header_length))
        else:
            headers = [(b"content-type", b"application/json")]
            response = orjson.dumps(self.model.predict(orjson.loads(body)["instances"]))
        headers.append((b"content-length", b"%d" % len(response)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": response})

    def infer(self, body: bytes, header_length: int) -> tuple[Headers, bytes]:
        """The response to a binary tensor, with binary tensors."""
        response, length = write_response(self.model.names, self.model.run(read_request(body, header_length)))
        kind = (b"content-type", b"application/octet-stream")
        return [kind, (HEADER_LENGTH.encode(), b"%d" % length)], response


app = PlainServer(load())
