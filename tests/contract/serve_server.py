"""A program: Ray Serve's own code starts the HTTP server of a replica, without Ray. Prints what two requests are answered.

Ray reads the environment when it is imported, and the fast path changes uvicorn for a whole process: so this is one of its own.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import uvloop
from ray.serve._private.http_util import configure_http_middlewares, start_asgi_http_server
from ray.serve.config import HTTPOptions

from modelyard.http.asgi import AsgiApp
from modelyard.http.endpoint import Reply, Response
from modelyard.http.fast_path import FAST_PATH
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.predict.endpoint import PredictResponse
from tests.contract.client import Client, request


class OneEndpoint:
    def start(self, body: bytes, content_type: bytes, headers: object, reply: Reply, request_id: str) -> "OneEndpoint":
        reply(PredictResponse(b'"fast path"', 0.0, 1, 0.0))
        return self

    def cancel(self) -> None:
        pass

    def reject(self, error: Exception, request_id: str) -> None:
        pass

    def error_response(self, error: Exception, request_id: str, path: str) -> Response:
        raise error


class NoMeter:
    def arrived(self) -> None:
        pass


async def respond(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, (), json.dumps(request.request_id).encode())


def ask(port: int) -> list[Any]:
    """Status, body and request ids of a request on each path."""
    told = []
    with Client(port) as client:
        for path in ("/fast", "/slow"):
            answer = client.ask(request(path, b"{}", x_request_id='not "clean"'))
            told.append([answer.status, answer.json, answer.all("x-request-id")])
    return told


async def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    options = configure_http_middlewares(HTTPOptions(host="127.0.0.1", port=port))
    FAST_PATH.open({b"/fast": OneEndpoint()}, NoMeter(), body_limit=100)
    app = AsgiApp(respond, FAST_PATH.body_budget)
    loop = asyncio.get_running_loop()
    serving, server = await start_asgi_http_server(app, options, event_loop=loop)
    while not server.started:
        await asyncio.sleep(0)
    told = await asyncio.to_thread(ask, port)
    server.should_exit = True
    await serving
    sys.stdout.write(json.dumps(told))


uvloop.run(main())
