"""The fast lane's connection: uvicorn's HTTP protocol, which answers hot paths by itself.

A request is the lane's if its URL is hot, it is an ordinary POST, and nothing before it on the connection is unanswered, so that
answers keep their order. Any other is left to uvicorn from its headers on, as if the lane had never looked.
"""

from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelyard.errors import BodyTooSlow, ModelyardError
from modelyard.http import http1
from modelyard.http.asgi import logged_error_response
from modelyard.http.body_budget import HeldBytes
from modelyard.http.endpoint import Endpoint, Header, Response
from modelyard.http.fast_path import FAST_PATH, FastPath
from modelyard.http.http1 import WholeResponse
from modelyard.http.request_cycle import RequestCycle
from modelyard.http.request_head import MAX_HEAD_BYTES, RequestHead
from modelyard.http.slow_clients import SlowClientWatchdog
from modelyard.http.stream import ConnectionStream
from modelyard.http.websocket_connection import websocket_connections
from modelyard.inference.service import CancelHandle

TOO_LARGE_HEAD = f"The request's headers have more than {MAX_HEAD_BYTES} bytes."
COLD_HEADERS = frozenset((b"expect", b"content-encoding", b"upgrade"))
"""A request that carries one of these wants more than the lane does."""


class FastPathProtocol(HttpToolsProtocol):
    """One connection. At most one request of the lane is under way on it."""

    lane: ClassVar[FastPath] = FAST_PATH

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._own = RequestCycle()
        self._head = RequestHead()
        self._in_head = False
        """Whether the head of a request has begun, and is not complete."""
        self._endpoint: Endpoint
        """Of the lane's last request."""
        self._reading = False
        """Whether that one's body is being read."""
        self._body: bytes | bytearray = b""
        self._content_type = b""
        self._request_id = ""
        self.held = HeldBytes(self.lane.bodies)
        """Of the lane's request."""
        self._begun: CancelHandle | None = None
        self._stream: ConnectionStream | None = None
        """The lane's request, where it is a streamed one."""
        self._answered = False
        """Whether anything was, since the last look for idleness."""
        self._uvicorns_bytes = 0
        """What came of the body of uvicorn's last request."""
        self._watch = SlowClientWatchdog(self, self.loop, self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        if self._in_head or len(data) > MAX_HEAD_BYTES:
            self._head.feed(data, begun=self._in_head)
        HttpToolsProtocol.data_received(self, data)  # not by super(): once a request, that is felt
        if self._in_head and self._head.later_bytes > MAX_HEAD_BYTES:
            self.send_400_response(TOO_LARGE_HEAD)

    # The parser's callbacks, in the order of a request

    def on_message_begin(self) -> None:
        self._in_head = True
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.transport.is_closing():
            return  # what stands behind a `connection: close` that was answered is nobody's request
        self._in_head = False
        if self._head.in_parts and not self._head.fits(self.url, self.headers):
            raise ValueError(TOO_LARGE_HEAD)  # for the parser, which gives up, and uvicorn, which answers 400
        endpoint = self.lane.hot.get(self.url)
        if endpoint is not None and self._enter():
            self._endpoint = endpoint
            self._reading = True
        elif (streaming := self.lane.streams.get(self.url)) is not None and self._enter():
            self._stream = ConnectionStream(self, self._request_id)
            self._stream.open(streaming, self.headers)
        else:
            self._go_uvicorns_way()

    def on_body(self, body: bytes) -> None:
        if not self._reading:
            if self._stream is None:
                self._uvicorns_bytes += len(body)
                super().on_body(body)
            else:
                self._stream.feed(body)
            return
        have = self._body
        if not have:
            self._body = body
        elif isinstance(have, bytearray):
            have += body
        else:
            # Not a list of pieces: a client may send a million, and each would cost more than what it holds.
            self._body = bytearray(have) + body
        if len(self._body) > self.lane.bodies.unchecked:
            self._hold(len(self._body))

    def on_message_complete(self) -> None:
        if not self._reading:
            if self._stream is None:
                super().on_message_complete()
            else:
                self._own.more_body = False
                self._stream.exchange.on_request_end()
            return
        body = bytes(self._body)
        self._reading, self._body, self._own.more_body = False, b"", False
        self.lane.arrived()
        try:
            begun = self._endpoint.start(body, self._content_type, self.headers, self._reply, self._request_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the connection lives on
            self._reply(error)
        else:
            if not self._own.response_complete:
                self._begun = begun

    # The lane's steps

    def _enter(self) -> bool:
        """Take the request on, if it is an ordinary one, nothing is unanswered before it, and the client reads its answers."""
        own, cycle = self._own, self.cycle
        if (
            self.parser.get_method() != b"POST"
            or not (cycle is None or cycle.response_complete)
            or self.flow.write_paused
        ):
            return False
        offered = content_type = connection = b""
        for name, value in self.headers:
            if name == b"content-length":
                if (size := int(value)) > self.lane.bodies.unchecked and self.lane.bodies.refusal(size) is not None:
                    return False
            elif name == b"content-type":
                content_type = value
            elif name == b"x-request-id":
                offered = value
            elif name == b"connection":
                connection = value
            elif name in COLD_HEADERS:
                return False
        own.keep_alive = self.parser.should_keep_alive()
        if connection and self.parser.get_http_version() == "1.0":
            own.keep_alive = False  # an HTTP/1.0 client that asks for more would need to be told that it gets it
        own.response_complete = own.disconnected = False
        own.more_body = True
        self.cycle = own  # type: ignore[assignment] # it has what uvicorn looks at on a cycle
        self._content_type = content_type
        self._request_id = self.lane.request_ids.choose(offered)
        return True

    def _go_uvicorns_way(self) -> None:
        self._uvicorns_bytes = 0
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        # Ray Serve asks for the body whoever wants it. One that is too large is refused without, and then may not come.
        refused = self.expect_100_continue and self._is_refused(headers)
        if refused:
            self.expect_100_continue = False
        super().on_headers_complete()
        if refused:
            self.cycle.keep_alive = False
        self.headers = [
            *self.headers
        ]  # to which the parser adds what comes behind a body; it is no header of the request

    def _is_refused(self, headers: list[Header]) -> bool:
        """Whether the announced body is too large, or there is no room for it."""
        length = dict(headers).get(b"content-length", b"0")
        return self.lane.bodies.refusal(int(length)) is not None

    def _hold(self, size: int) -> None:
        """So much of the body is there. If that is too much it is refused, and the rest is read and dropped, as uvicorn does."""
        try:
            self.held.set_to_body(size)
        except ModelyardError as error:
            self._reading, self._body = False, b""
            self._endpoint.reject(error, self._request_id)
            self._reply(error)

    def _reply(self, outcome: Response | Exception) -> None:
        own = self._own
        if own.disconnected or own.response_complete:
            return
        own.response_complete = self._answered = True
        self._begun = None
        if self.held.counted:
            self.held.release()
        more = self.lane.date_line(self.server_state.default_headers)
        if not own.keep_alive:
            more += http1.CLOSE
        if isinstance(outcome, Exception):
            outcome = self._endpoint.error_response(outcome, self._request_id, self.url.decode("latin-1"))
        self.transport.write(outcome.to_http1(self._request_id, more))
        if not own.keep_alive:
            self.transport.close()
        elif self.pipeline:
            self.on_response_complete()

    def end_stream(self, data: bytes) -> None:
        """Write the last bytes of a streamed answer. Where the request is not over, the connection ends too."""
        own = self._own
        own.response_complete = self._answered = True
        self._stream = None
        self.held.release()
        self.transport.write(data)
        if own.more_body or not own.keep_alive:
            self.transport.close()
            return
        self.resume_reading()
        if self.pipeline:
            self.on_response_complete()

    # The connection's own events

    def on_response_complete(self) -> None:
        self._answered = True
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.end()
        self._body = b""  # a connection may wait for the garbage collector; what it holds need not
        self.held.release()
        if self._begun is not None:
            self._begun.cancel()
            self._begun = None
        if self._stream is not None:
            self._stream.exchange.cancel()
            self._stream = None
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to uvicorn's WebSocket protocol, for good, with the lane's own application where it has one."""
        self._watch.end()
        made = websocket_connections(self.ws_protocol_class, self.lane.sockets, self.lane.bodies)
        self.ws_protocol_class = made  # type: ignore[assignment] # it is only ever called
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        super().shutdown()
        if self._stream is not None:
            self._stream.exchange.on_shutdown()

    def eof_received(self) -> bool:  # type: ignore[override] # as asyncio has it; uvicorn always says no
        """A client may stop sending and still wait for its answer. One that went away is seen by a reset: HAProxy sends that."""
        return self._last_answer_is_due()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is answered in its turn: if a whole request before it is not answered yet, by closing after it."""
        if self._last_answer_is_due():
            self.flow.pause_reading()
        elif not self.transport.is_closing():
            super().send_400_response(msg)

    def _last_answer_is_due(self) -> bool:
        """Whether a whole request waits for its answer; if so, the connection closes behind it."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """A client that does not read its answers is not read from either."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.resume_reading()
        if self._stream is not None:
            self._stream.exchange.on_room()

    def resume_reading(self) -> None:
        """Read on, unless the client does not read itself, a stream has enough, or requests wait: then when that is answered."""
        if not (self.flow.write_paused or self.pipeline or (self._stream and not self._stream.reads)):
            self.flow.resume_reading()

    # What the watch asks and tells

    def take_activity(self) -> bool:
        """See `Watched`."""
        busy = self.cycle is not None and not self.cycle.response_complete
        active, self._answered = busy or self._answered, False
        return active

    def coming(self) -> tuple[object, int]:
        """See `Watched`."""
        cycle = self.cycle
        if self.flow.read_paused:
            return None, 0
        if cycle is None or cycle.response_complete:
            return (self.headers, self._head.later_bytes) if self._in_head else (None, 0)
        if not cycle.more_body:
            return None, 0
        if self._stream is not None:
            return self._stream.exchange.coming()
        return self.headers, len(self._body) if self._reading else self._uvicorns_bytes

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """Answer with the error, and close: where the next request begins would only be known at the end of this one."""
        if self._stream is not None:
            self._stream.exchange.on_refused(error)
        elif self._reading:
            self._reading, self._body, self._own.keep_alive = False, b"", False
            self._endpoint.reject(error, self._request_id)
            self._reply(error)
        else:
            if self._in_head or not self.cycle.response_started:
                request_id = self.lane.request_ids.choose(dict(self.headers).get(b"x-request-id", b""))
                answer = WholeResponse(logged_error_response(error, request_id, self.url.decode("latin-1")))
                more = self.lane.date_line(self.server_state.default_headers) + http1.CLOSE
                self.transport.write(answer.to_http1(request_id, more))
            self.transport.close()

    def unread(self) -> int:
        """See `Watched`."""
        return self.transport.get_write_buffer_size() if self.flow.write_paused else 0

    def on_stalled(self) -> None:
        """End it now: to close would be to wait until the client reads."""
        self.transport.abort()
