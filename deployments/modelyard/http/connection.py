"""The HTTP protocol of a connection, with a fast path for inference requests.

A request takes the fast path if its URL has an endpoint, it is an ordinary POST, and every request before it on the connection
has its response, so that responses keep their order. Any other takes the slow path from its head on.
"""

from typing import Any

from modelyard.errors import BodyTooSlow, ModelyardError
from modelyard.http import http1
from modelyard.http.body_budget import HeldBytes
from modelyard.http.endpoint import Endpoint, Response
from modelyard.http.slow_path import HEAD_TOO_LARGE, SlowPathProtocol
from modelyard.http.stream import ConnectionStream
from modelyard.inference.service import CancelHandle

SLOW_PATH_HEADERS = frozenset((b"expect", b"content-encoding", b"upgrade"))
"""Headers that the fast path does not support."""


class RequestCycle:
    """The state of a connection's fast path request, with the attributes that uvicorn reads from its own request cycles."""

    __slots__ = ("disconnected", "keep_alive", "more_body", "response_complete")

    def __init__(self) -> None:
        self.response_complete = True
        self.more_body = False
        self.keep_alive = True
        self.disconnected = False

    @property
    def message_event(self) -> "RequestCycle":
        """uvicorn sets this event to wake the task that reads the body; the fast path has no such task."""
        return self

    def set(self) -> None:
        """See `message_event`."""


class FastPathProtocol(SlowPathProtocol):
    """One connection. At most one of its requests is open on the fast path."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._cycle = RequestCycle()
        self._endpoint: Endpoint
        """Of the last request on the fast path; so are the following, up to `_stream`."""
        self._reading_body = False
        self._body: bytes | bytearray = b""
        self._content_type = b""
        self._request_id = ""
        self.held = HeldBytes(self.fast_path.body_budget)
        self._handle: CancelHandle | None = None
        self._stream: ConnectionStream | None = None
        """Set while a streamed request is open."""

    # The parser's callbacks, in the order of a request

    def on_headers_complete(self) -> None:
        if self.transport.is_closing():
            return  # bytes after a request with `connection: close` are ignored
        self._in_head = False
        if self._head.in_parts and not self._head.fits(self.url, self.headers):
            raise ValueError(HEAD_TOO_LARGE)  # ends the parser; uvicorn then responds with 400
        if (prefix := self.fast_path.edge_prefix) and self.url.startswith(prefix):
            self.url = self.url[len(prefix) - 1 :]
        endpoint = self.fast_path.endpoints.get(self.url)
        if endpoint is not None and self._begin_if_eligible():
            self._endpoint = endpoint
            self._reading_body = True
        elif (streaming := self.fast_path.streams.get(self.url)) is not None and self._begin_if_eligible():
            self._stream = ConnectionStream(self, self._request_id)
            self._stream.open(streaming, self.headers)
        else:
            self._take_slow_path()

    def on_body(self, body: bytes) -> None:
        if not self._reading_body:
            if self._stream is None:
                super().on_body(body)
            else:
                self._stream.feed(body)
            return
        received = self._body
        if not received:
            self._body = body
        elif isinstance(received, bytearray):
            received += body
        else:
            # Not a list of chunks: a client may send a million of them, each of which would cost more than its bytes.
            self._body = bytearray(received) + body
        if len(self._body) > self.fast_path.body_budget.unchecked_bytes:
            self._hold(len(self._body))

    def on_message_complete(self) -> None:
        if not self._reading_body:
            if self._stream is None:
                super().on_message_complete()
            else:
                self._cycle.more_body = False
                self._stream.exchange.on_request_end()
            return
        body = bytes(self._body)
        self._reading_body, self._body, self._cycle.more_body = False, b"", False
        # Again, because the path may have another endpoint since the head was read. For an error it must be the same one.
        self._endpoint = self.fast_path.endpoints.get(self.url, self._endpoint)
        self.fast_path.arrived()
        try:
            handle = self._endpoint.start(body, self._content_type, self.headers, self._reply, self._request_id)
        except Exception as error:  # noqa: BLE001 - any error becomes a response, and the connection stays open
            self._reply(error)
        else:
            if not self._cycle.response_complete:
                self._handle = handle

    # The steps of the fast path

    def _begin_if_eligible(self) -> bool:
        """Begin a request if it is an ordinary one, no response before it is due, and the client reads its responses."""
        own, cycle = self._cycle, self.cycle
        if (
            self.parser.get_method() != b"POST"
            or not (cycle is None or cycle.response_complete)
            or self.flow.write_paused
        ):
            return False
        client_id = content_type = connection = b""
        budget = self.fast_path.body_budget
        for name, value in self.headers:
            if name == b"content-length":
                if (size := int(value)) > budget.unchecked_bytes and self._is_rejected(size):
                    return False
            elif name == b"content-type":
                content_type = value
            elif name == b"x-request-id":
                client_id = value
            elif name == b"connection":
                connection = value
            elif name in SLOW_PATH_HEADERS:
                return False
        own.keep_alive = self.parser.should_keep_alive()
        if connection and self.parser.get_http_version() == "1.0":
            own.keep_alive = (
                False  # an HTTP/1.0 client needs `connection: keep-alive` in the response, which is not written
            )
        own.response_complete = own.disconnected = False
        own.more_body = True
        self.cycle = own  # type: ignore[assignment] # it has the attributes that uvicorn reads
        self._content_type = content_type
        self._request_id = self.fast_path.request_ids.choose(client_id)
        return True

    def _is_rejected(self, size: int) -> bool:
        return self.fast_path.body_budget.rejection(size, self.url.decode("latin-1")) is not None

    def _hold(self, size: int) -> None:
        """Count the bytes of the body so far. If they are too many, reject it; the rest is read and dropped, as in uvicorn."""
        try:
            self.held.set_to_body(size, self.url.decode("latin-1"))
        except ModelyardError as error:
            self._reject(error)

    def _reject(self, error: ModelyardError) -> None:
        self._reading_body, self._body = False, b""
        self._endpoint.reject(error, self._request_id)
        self._reply(error)

    def _reply(self, result: Response | Exception) -> None:
        cycle = self._cycle
        if cycle.disconnected or cycle.response_complete:
            return
        cycle.response_complete = self._responded = True
        self._handle = None
        if self.held.counted:
            self.held.release()
        extra_headers = self.fast_path.date_line(self.server_state.default_headers)
        if not cycle.keep_alive:
            extra_headers += http1.CLOSE
        if isinstance(result, Exception):
            result = self._endpoint.error_response(result, self._request_id, self.url.decode("latin-1"))
        self.transport.write(result.to_http1(self._request_id, extra_headers))
        if not cycle.keep_alive:
            self.transport.close()
        elif self.pipeline:
            self.on_response_complete()

    def end_stream(self, data: bytes) -> None:
        """Write the last bytes of a streamed response. If the request is not complete, close the connection too."""
        cycle = self._cycle
        cycle.response_complete = self._responded = True
        self._stream = None
        self.held.release()
        self.transport.write(data)
        if cycle.more_body or not cycle.keep_alive:
            self.transport.close()
            return
        self.resume_reading()
        if self.pipeline:
            self.on_response_complete()

    # The connection's events

    def connection_lost(self, exc: Exception | None) -> None:
        self._body = b""  # the connection may stay in memory until the next garbage collection; its body should not
        self.held.release()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._stream is not None:
            self._stream.exchange.cancel()
            self._stream = None
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        if self._stream is not None:
            self._stream.exchange.on_shutdown()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stream is not None:
            self._stream.exchange.on_room()

    def resume_reading(self) -> None:
        """As on the slow path, and not while a stream has paused its request."""
        if not (self._stream and not self._stream.reads):
            super().resume_reading()

    def _open_body_progress(self) -> tuple[object, int]:
        if self._stream is not None:
            return self._stream.exchange.body_progress()
        return (self.headers, len(self._body)) if self._reading_body else super()._open_body_progress()

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """As on the slow path, in the form of the request's own endpoint."""
        if self._stream is not None:
            self._stream.exchange.on_rejected(error)
        elif self._reading_body:
            self._cycle.keep_alive = False
            self._reject(error)
        else:
            super().on_slow_body(error)
