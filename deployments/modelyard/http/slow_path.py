"""The slow path of a connection: uvicorn's HTTP protocol, which hands requests to the ASGI application.

Also what applies to both paths: the size limit of request heads, flow control, and what happens to slow clients.
"""

from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelyard.errors import BodyTooSlow
from modelyard.http import http1
from modelyard.http.asgi import logged_error_response
from modelyard.http.endpoint import Header
from modelyard.http.fast_path import FAST_PATH, FastPath
from modelyard.http.http1 import WholeResponse
from modelyard.http.request_head import MAX_HEAD_BYTES, RequestHead
from modelyard.http.slow_clients import SlowClientWatchdog
from modelyard.http.websocket_connection import websocket_connections

HEAD_TOO_LARGE = f"the headers are larger than the limit of {MAX_HEAD_BYTES} bytes"


class SlowPathProtocol(HttpToolsProtocol):
    """One connection. `FastPathProtocol` decides which path a request takes."""

    fast_path: ClassVar[FastPath] = FAST_PATH

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head = RequestHead()
        self._in_head = False
        """Whether the head of a request has begun and is not complete."""
        self._responded = False
        """Whether a response was sent since the last check for idleness."""
        self._slow_path_body_bytes = 0
        """Received so far of the body of the slow path's last request."""
        self._watchdog = SlowClientWatchdog(self, self.loop, self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        if self._in_head or len(data) > MAX_HEAD_BYTES:
            self._head.feed(data, begun=self._in_head)
        HttpToolsProtocol.data_received(self, data)  # not by super(), whose cost is measurable once a request
        if self._in_head and self._head.later_bytes > MAX_HEAD_BYTES:
            self.send_400_response(HEAD_TOO_LARGE)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self._in_head = True
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._slow_path_body_bytes += len(body)
        super().on_body(body)

    def _take_slow_path(self) -> None:
        """Repeat the parser's callbacks up to the end of the head, for uvicorn."""
        self._slow_path_body_bytes = 0
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        # Ray Serve's wrapper reads the body of every request, which makes uvicorn send `100 Continue`. A body that will be
        # rejected is not asked for; as it may then never be sent, the connection closes behind the response.
        rejected = self.expect_100_continue and self._is_body_rejected(headers)
        if rejected:
            self.expect_100_continue = False
        super().on_headers_complete()
        if rejected:
            self.cycle.keep_alive = False
        self.headers = [*self.headers]  # the parser appends a body's trailers to this list; they are not headers

    def _is_body_rejected(self, headers: list[Header]) -> bool:
        """Whether the announced body is too large, or the process has no room for it."""
        length = dict(headers).get(b"content-length", b"0")
        return self.fast_path.body_budget.rejection(int(length), self.url.decode("latin-1")) is not None

    # The connection's events

    def on_response_complete(self) -> None:
        self._responded = True
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watchdog.end()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to uvicorn's WebSocket protocol, with the fast path's own application if there is one."""
        self._watchdog.end()
        factory = websocket_connections(
            self.ws_protocol_class, self.fast_path.websocket_app, self.fast_path.body_budget
        )
        self.ws_protocol_class = factory  # type: ignore[assignment] # uvicorn only calls it
        super().handle_websocket_upgrade()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio's signature; uvicorn's always returns None
        """Stay open while a response is due: a client may close its sending side and still read. HAProxy resets the connection
        when its own client disconnects."""
        return self._close_after_response()

    def send_400_response(self, msg: str) -> None:
        """Respond in order: while a complete request before the unreadable one waits for its response, close behind that."""
        if self._close_after_response():
            self.flow.pause_reading()
        elif not self.transport.is_closing():
            super().send_400_response(msg)

    def _close_after_response(self) -> bool:
        """Whether a complete request waits for its response; if so, the connection closes behind that response."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    # Flow control

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its responses."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.resume_reading()

    def resume_reading(self) -> None:
        """Read again, unless the client does not read itself, or requests are queued: reading then resumes after the response."""
        if not (self.flow.write_paused or self.pipeline):
            self.flow.resume_reading()

    # `WatchedConnection`

    def take_activity(self) -> bool:
        """See `WatchedConnection`."""
        busy = self.cycle is not None and not self.cycle.response_complete
        active, self._responded = busy or self._responded, False
        return active

    def body_progress(self) -> tuple[object, int]:
        """See `WatchedConnection`."""
        cycle = self.cycle
        if self.flow.read_paused:
            return None, 0
        if cycle is None or cycle.response_complete:
            return (self.headers, self._head.later_bytes) if self._in_head else (None, 0)
        return self._open_body_progress() if cycle.more_body else (None, 0)

    def _open_body_progress(self) -> tuple[object, int]:
        return self.headers, self._slow_path_body_bytes

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """Respond with the error, unless a response has begun, and close: only the end of this request would show where the next
        one begins."""
        if self._in_head or not self.cycle.response_started:
            request_id = self.fast_path.request_ids.choose(dict(self.headers).get(b"x-request-id", b""))
            response = WholeResponse(logged_error_response(error, request_id, self.url.decode("latin-1")))
            extra_headers = self.fast_path.date_line(self.server_state.default_headers) + http1.CLOSE
            self.transport.write(response.to_http1(request_id, extra_headers))
        self.transport.close()

    def unwritten_bytes(self) -> int:
        """See `WatchedConnection`."""
        return self.transport.get_write_buffer_size() if self.flow.write_paused else 0

    def on_stalled(self) -> None:
        """Abort: closing would wait until the client reads."""
        self.transport.abort()
