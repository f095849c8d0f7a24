"""A fake of a model's HTTP paths, with the answers that a test wants."""

import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROWS = [[5.1, 3.5], [6.7, 3.0], [4.9, 3.1]]


class ModelEndpoint:
    """Serves a page, predictions and Triton's statistics until `stop`."""

    def __init__(self, example: dict[str, Any] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.example = {"instances": ROWS} if example is None else example
        self.answer: Callable[[Any], tuple[int, Any]] = lambda body: (200, {"predictions": body.get("instances")})
        """The status and the document for a body. It is called by several threads."""
        self.closes = False
        """Whether each prediction's response closes its connection."""
        self.bodies: list[Any] = []
        self.paths: Counter[str] = Counter()
        self.connections = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                endpoint.connections += 1
                super().setup()

            def do_GET(self) -> None:
                endpoint.paths[self.path] += 1
                self._send(200, endpoint.statistics() if self.path.endswith("/stats") else endpoint.page())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.bodies.append(body)
                endpoint.paths[self.path] += 1
                self._send(*endpoint.answer(body), closes=endpoint.closes)

            def _send(self, status: int, document: Any, *, closes: bool = False) -> None:
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                if closes:
                    self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 512  # bench opens hundreds of connections at once

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}/models/churn/predict"

    def page(self) -> dict[str, Any]:
        return {"name": "churn", "example": self.example}

    def statistics(self) -> dict[str, Any]:
        bodies = list(self.bodies)
        rows = sum(len(body.get("instances", [0])) for body in bodies)
        call = {"count": len(bodies), "ns": 1_000 * len(bodies)}
        stats = {"success": {"count": len(bodies)}, "compute_infer": call}
        return {
            "model_stats": [{"inference_count": rows, "execution_count": len(bodies), "inference_stats": stats}],
        }

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
