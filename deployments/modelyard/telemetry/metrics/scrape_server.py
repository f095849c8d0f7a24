"""A small HTTP server in threads, for scrapes."""

import socket
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

SLOW_CLIENT_S = 10.0
"""A connection on which nothing moves for so long is closed."""


def listen(host: str, port: int, app: WSGIApplication) -> int:
    """Answer on this port, in threads, until the process ends. Gives the port; raises OSError where it cannot be had."""
    server = (_ServerV6 if ":" in host else _Server)((host, port), _Request)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="modelyard-metrics-http", daemon=True).start()
    return server.server_port


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Request(WSGIRequestHandler):
    timeout = SLOW_CLIENT_S

    def log_message(self, *_: object) -> None:
        """Scrapes are no news."""
