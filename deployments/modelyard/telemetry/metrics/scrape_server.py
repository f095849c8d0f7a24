"""A small threaded HTTP server for scrapes."""

import socket
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

IDLE_TIMEOUT_S = 10.0
"""A connection without traffic for this long is closed."""


def listen(host: str, port: int, app: WSGIApplication) -> int:
    """Serve the app on this port in daemon threads, until the process ends. Returns the port. Raises OSError."""
    server = (_ScrapeServerV6 if ":" in host else _ScrapeServer)((host, port), _RequestHandler)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="modelyard-metrics-http", daemon=True).start()
    return server.server_port


class _ScrapeServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ScrapeServerV6(_ScrapeServer):
    address_family = socket.AF_INET6


class _RequestHandler(WSGIRequestHandler):
    timeout = IDLE_TIMEOUT_S

    def log_message(self, *_: object) -> None:
        """Scrapes are not logged."""
