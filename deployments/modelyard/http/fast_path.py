"""The paths that a process answers on the fast path.

Ray Serve wraps every request in a task, a request context, access logs and metrics: 175 to 275 us of CPU. `connection.py` answers
a POST to a path in `FAST_PATH.endpoints` inside uvicorn's protocol, without them. All other requests take the slow path, through
Serve's wrapper to the ASGI application; health checks do too.
"""

from collections.abc import Callable
from typing import Protocol

from modelyard.http.asgi import Asgi
from modelyard.http.body_budget import BodyBudget
from modelyard.http.endpoint import Endpoint, StreamEndpoint
from modelyard.http.request import RequestIds

OTHER_PROTOCOLS = ("/v1/", "/v2/")
"""Paths that name a model without beginning with its route."""


class Meter(Protocol):
    """Counts requests."""

    def arrived(self) -> None:
        """A request has arrived."""


class FastPath:
    """The state that all connections of this process share."""

    def __init__(self) -> None:
        self.endpoints: dict[bytes, Endpoint] = {}
        """By exact path. Empty until `open`: in the process of Serve's own proxy, every request takes the slow path."""
        self.streams: dict[bytes, StreamEndpoint] = {}
        """By exact path, where request and response are streams."""
        self.websocket_app: Asgi | None = None
        """Handles WebSockets instead of Serve's wrapper, which reads without flow control."""
        self.body_budget = BodyBudget(0)
        self.path_prefix = ""
        """Precedes paths on the slow path; see `PathPrefixMiddleware`."""
        self.edge_prefix = b""
        """Precedes every path that comes from the edge, with a slash at its end; b"" if the edge adds none."""
        self.prefixed_paths: tuple[str, ...] = ()
        """The beginnings of paths that get `path_prefix`."""
        self.arrived: Callable[[], None]
        self.request_ids = RequestIds()
        self._date_line_of: list[tuple[bytes, bytes]] = []
        self._date_line = b""

    def open(
        self,
        endpoints: dict[bytes, Endpoint],
        meter: Meter,
        *,
        body_limit: int,
        path_prefix: str = "",
        edge_prefix: bytes = b"",
        prefixed_paths: tuple[str, ...] = OTHER_PROTOCOLS,
        streams: dict[bytes, StreamEndpoint] | None = None,
        websocket_app: Asgi | None = None,
    ) -> None:
        """Start to answer these paths. `body_limit` is in bytes; stream endpoints have limits of their own."""
        self.endpoints, self.arrived, self.body_budget = endpoints, meter.arrived, BodyBudget(body_limit)
        self.path_prefix, self.edge_prefix, self.prefixed_paths = path_prefix, edge_prefix, prefixed_paths
        # The given dict itself, which its owner may change at any time.
        self.streams = {} if streams is None else streams
        self.websocket_app = websocket_app

    def date_line(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The Date header, which RFC 9110 requires, from uvicorn's default headers. Those are another list every second."""
        if headers is not self._date_line_of:
            self._date_line = b"".join(b"date: %b\r\n" % value for name, value in headers if name == b"date")
            self._date_line_of = headers
        return self._date_line


FAST_PATH = FastPath()
