"""The fast lane: predict requests answered inside uvicorn's protocol, before Ray Serve's request wrapper sees them.

Serve wraps every request in a task, a request context, access logs and metrics: 175 to 275 us of CPU. A hot path (an exact URL
in `LANE.hot`, POST, an ordinary body) needs none of it. Everything else takes uvicorn's way, health checks included, and so
does a request that is pipelined behind an unanswered one, so that answers keep their order.

Serve calls `install` in every process that is about to start uvicorn: each replica, and the fallback proxy on the head node.
The proxy's table of hot paths stays empty, so there the lane never answers.
"""

import logging
from typing import Any

import httptools
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deployments.errors import PayloadTooLarge
from deployments.protocols.http import RequestIds, server_timing
from deployments.protocols.problem import HttpAnswer, problem
from deployments.replica.load import LoadMeter
from deployments.replica.predictor import Prediction, Predictor
from deployments.serving.ticket import Ticket

logger = logging.getLogger(__name__)

REASONS = {
    400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed", 413: b"Content Too Large", 415: b"Unsupported Media Type",
    429: b"Too Many Requests", 500: b"Internal Server Error", 503: b"Service Unavailable", 504: b"Gateway Timeout",
}  # fmt: skip
COLD_HEADERS = frozenset((b"expect", b"content-encoding", b"upgrade"))
"""A request that carries one of these wants more than the lane does."""


class Lane:
    """What all connections of this process share."""

    def __init__(self) -> None:
        self.hot: dict[bytes, Predictor] = {}
        self.body_limit = 0
        self.meter: LoadMeter | None = None
        self.request_ids = RequestIds()

    def open(self, hot: dict[bytes, Predictor], meter: LoadMeter, *, body_limit: int) -> None:
        """Start answering these URLs here."""
        self.hot, self.meter, self.body_limit = hot, meter, body_limit


LANE = Lane()


class _Cycle:
    """The lane's own request on a connection, with the attributes that uvicorn looks at on its request cycles."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self) -> None:
        self.response_complete = True
        self.keep_alive = True
        self.disconnected = False

    @property
    def message_event(self) -> "_Cycle":
        """uvicorn wakes whoever waits for the body; nobody does here."""
        return self

    def set(self) -> None:
        """See `message_event`."""


class LaneProtocol(HttpToolsProtocol):
    """One connection. At most one request of the lane is under way on it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._own = _Cycle()
        self._predictor: Predictor | None = None
        self._ticket: Ticket | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._request_id = ""
        self._content_type = b""

    # The parser's callbacks, in the order of a request

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._predictor = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        predictor = LANE.hot.get(self.url)
        if predictor is None or not self._enter(predictor):
            self._go_uvicorns_way()

    def on_body(self, body: bytes) -> None:
        if self._predictor is None:
            super().on_body(body)
            return
        self._size += len(body)
        if self._size <= LANE.body_limit:
            self._chunks.append(body)
        else:
            self._chunks.clear()

    def on_message_complete(self) -> None:
        predictor = self._predictor
        if predictor is None:
            super().on_message_complete()
            return
        chunks = self._chunks
        LANE.meter.arrived()  # type: ignore[union-attr] # set together with `hot`
        try:
            if self._size > LANE.body_limit:
                raise PayloadTooLarge(f"the body has {self._size} bytes; at most {LANE.body_limit} are taken")
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self._ticket = predictor.start(body, self._content_type, self._reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the connection lives on
            self._reply(error)

    # The steps

    def _enter(self, predictor: Predictor) -> bool:
        """Take the request on, if it is an ordinary one and nothing is unanswered before it."""
        if self.parser.get_method() != b"POST" or not (self.cycle is None or self.cycle.response_complete):
            return False
        offered, self._content_type = b"", b""
        for name, value in self.headers:
            if name == b"content-type":
                self._content_type = value
            elif name == b"x-request-id":
                offered = value
            elif name in COLD_HEADERS:
                return False
        self._predictor = predictor
        self._request_id = LANE.request_ids.choose(offered)
        self._chunks, self._size = [], 0
        self._own.response_complete = False
        self._own.disconnected = False
        self._own.keep_alive = self.parser.should_keep_alive()
        self.cycle = self._own  # type: ignore[assignment] # it has what uvicorn looks at on a cycle
        return True

    def _go_uvicorns_way(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _reply(self, outcome: Prediction | Exception) -> None:
        own = self._own
        if own.disconnected or own.response_complete:
            return
        own.response_complete = True
        self._ticket = None
        self.transport.write(self._render(outcome))
        if own.keep_alive:
            if self.pipeline:
                self.on_response_complete()
        else:
            self.transport.close()

    def _render(self, outcome: Prediction | Exception) -> bytes:
        close = b"" if self._own.keep_alive else b"connection: close\r\n"
        request_id = self._request_id.encode()
        if isinstance(outcome, Prediction):
            return (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%bserver-timing: %b\r\n"
                b"x-request-id: %b\r\n%bcontent-length: %d\r\n\r\n%b"
            ) % (
                self._default_headers(),
                server_timing(outcome.queue_s, outcome.batch_rows, outcome.compute_s),
                request_id,
                close,
                len(outcome.body),
                outcome.body,
            )
        answer: HttpAnswer = problem(outcome, self._request_id, self.url.decode("latin-1"))
        if answer.status == 500:
            logger.error("request %s failed", self._request_id, exc_info=outcome)
        return b"HTTP/1.1 %d %b\r\n%b%bx-request-id: %b\r\n%bcontent-length: %d\r\n\r\n%b" % (
            answer.status,
            REASONS.get(answer.status, b"Error"),
            self._default_headers(),
            b"".join(b"%b: %b\r\n" % header for header in answer.headers),
            request_id,
            close,
            len(answer.body),
            answer.body,
        )

    def _default_headers(self) -> bytes:
        """uvicorn's Date header, which RFC 9110 asks of an origin; it makes a new list every second."""
        headers = self.server_state.default_headers
        return b"".join(b"%b: %b\r\n" % header for header in headers)

    # The connection's own events

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """A client that does not read its answers is not read from either."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.flow.resume_reading()


def install() -> list[Any]:
    """Make uvicorn use the lane for connections it accepts from now on; Serve expects a list of middlewares, and gets none."""
    if HttpToolsProtocol.on_headers_complete is None or not hasattr(httptools, "HttpRequestParser"):
        logger.warning("uvicorn's httptools protocol is not as expected: requests take the ASGI path")
        return []
    uvicorn.config.HTTP_PROTOCOLS["auto"] = "deployments.replica.lane:LaneProtocol"
    return []
