"""The fast lane's table of hot paths, and how the lane is put in front of Ray Serve.

Serve wraps every request in a task, a request context, access logs and metrics: 175 to 275 us of CPU. A hot path (an exact URL
in `LANE.hot`, POST, an ordinary body) needs none of it: `connection.py` answers it inside uvicorn's protocol, before Serve's
wrapper sees it. Everything else takes uvicorn's way, health checks included.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from starlette.middleware import Middleware

from deployments.protocols.http import RequestIds
from deployments.replica.endpoint import Endpoint
from deployments.replica.request_id import CleanRequestId

logger = logging.getLogger(__name__)

PROTOCOL = "deployments.replica.connection:LaneProtocol"
"""Imported by uvicorn, and not here: where uvicorn or httptools are not as expected, that import is what fails."""


class Meter(Protocol):
    """Is told of every request that comes in."""

    def arrived(self) -> None:
        """One did."""


class Lane:
    """What all connections of this process share."""

    def __init__(self) -> None:
        self.hot: dict[bytes, Endpoint] = {}
        """Empty until `open`: in the process of Serve's own proxy the lane never answers."""
        self.body_limit = 0
        self.arrived: Callable[[], None]
        self.request_ids = RequestIds()
        self._seen: list[tuple[bytes, bytes]] = []
        self._date_line = b""

    def open(self, hot: dict[bytes, Endpoint], meter: Meter, *, body_limit: int) -> None:
        """Start answering these URLs here."""
        self.hot, self.arrived, self.body_limit = hot, meter.arrived, body_limit

    def date_line(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The Date header, which RFC 9110 asks of an origin, out of uvicorn's default headers: a new list every second."""
        if headers is not self._seen:
            self._date_line = b"".join(b"date: %b\r\n" % value for name, value in headers if name == b"date")
            self._seen = headers
        return self._date_line


LANE = Lane()


def install(uvicorn_config: Any = None, protocol: str = PROTOCOL) -> list[Middleware]:
    """Make uvicorn use the lane for connections it accepts from now on, if one request through it shows that this works.

    Serve calls this in every process that is about to start uvicorn (each replica, and the fallback proxy on the head node), and
    puts the middlewares it gets in front of its own. `uvicorn_config` is the module of that name.
    """
    try:
        # Imported here, because an import that fails is one of the ways in which it does not work.
        import uvicorn.config  # noqa: PLC0415

        from deployments.replica.rehearsal import rehearse  # noqa: PLC0415

        config = uvicorn_config or uvicorn.config
        rehearse(config, protocol)
        config.HTTP_PROTOCOLS["auto"] = protocol
    except Exception as error:  # noqa: BLE001 - a uvicorn that we do not know may fail in any way; it serves without the lane
        logger.warning("uvicorn is not as the fast lane expects (%r): requests take the ASGI path", error)
    return [Middleware(CleanRequestId)]
