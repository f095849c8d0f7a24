"""HTTP on the control socket: one request a connection, each in a thread of its own.

For example `curl --unix-socket .modelyard/control.sock http://modelyard/v1/status`.
"""

import json
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Answer = Callable[[str, str, Any], tuple[int, dict[str, Any]]]
"""From method, path and JSON body (None without one) to a status code and a JSON document."""

SILENT_S = 5.0
"""How long a client may take to send its request or to read the response."""
MAX_BODY_BYTES = 2**20
STOP_POLL_S = 0.1


class ControlServer:
    """Serves a listening socket from `start` until `stop`. The socket stays open, because another process may serve it next."""

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        self._listener = listener
        self._answer = answer
        self._server: _Server | None = None

    def start(self) -> None:
        """Begin to serve, in a daemon thread."""
        self._server = server = _Server(self._listener, self._answer)
        threading.Thread(target=server.serve_forever, args=(STOP_POLL_S,), name="control", daemon=True).start()

    def stop(self) -> None:
        """Accept no more connections. Those that were accepted are answered."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        super().__init__("", _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: the client left. An error in an operation is answered with 500."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENT_S
    server_version = "modelyard"
    sys_version = ""

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("content-length", ""))
            if not 0 <= length <= MAX_BODY_BYTES:
                raise ValueError
            body = json.loads(self.rfile.read(length))
        except ValueError:
            self._send(400, {"error": "the body must be JSON, with its content-length"})
        else:
            self._reply(body)

    def _reply(self, body: Any) -> None:
        try:
            self._send(*self.server.answer(self.command, self.path, body))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - the client gets the error, and the server continues
            self._send(500, {"error": f"{type(error).__name__}: {error}"})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: standard error is for the operator."""
