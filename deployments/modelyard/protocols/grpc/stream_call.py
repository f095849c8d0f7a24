"""A bidirectional gRPC stream: each message is a request with any number of responses, sent in the order of the requests."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from modelyard.errors import DeadlineExceeded, ModelNotReady, ModelyardError
from modelyard.http.edge_headers import without_edge_start
from modelyard.http.endpoint import Header, Sink
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.call_headers import encoding_and_timeout, timeout_s
from modelyard.protocols.grpc.frames import FrameReader, frame
from modelyard.protocols.grpc.messages import Method
from modelyard.protocols.grpc.unary import END, HEAD, chunk, end_of_body, failure_trailers

MAX_OPEN_REQUESTS = 64
"""Requests of one stream that are processed at a time. Beyond them nothing is read."""


class StreamRequest:
    """One request of a stream. Its handler sends responses through it."""

    __slots__ = ("_call", "buffered", "done", "endless", "handle", "message_bytes", "request_id", "resume")

    def __init__(self, call: "StreamCall", request_id: str, message_bytes: int) -> None:
        self.request_id = request_id
        """The id of the stream."""
        self.message_bytes = message_bytes
        self._call = call
        self.handle: CancelHandle | None = None
        self.done = False
        self.endless = False
        """Whether its responses continue until the call ends."""
        self.resume: Callable[[], None] | None = None
        """Called when another response can be written."""
        self.buffered: list[bytes] = []
        """Responses that wait for those to an earlier request."""

    @property
    def headers(self) -> Sequence[Header]:
        """The headers of the stream."""
        return self._call.headers

    def send(self, message: Any) -> None:
        """Send a response."""
        self._call.on_response(self, message.SerializeToString())

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Call `callback`, perhaps at once, when this is the first open request and the client reads."""
        self.resume = callback
        self._call.resume_first()

    def finish(self) -> None:
        """End the request: it has no further response."""
        self.done = True
        self._call.on_finished()

    def fail(self, error: Exception) -> None:
        """End the call with this error, even if other requests are open."""
        self._call.on_failed(error)


OnMessage = Callable[[Any, StreamRequest], CancelHandle | None]
"""Handles a message and responds through its StreamRequest, perhaps before it returns. An error that it raises ends the call."""


class GrpcStreamEndpoint:
    """The endpoint of a streaming method; see `endpoint.StreamEndpoint`."""

    def __init__(self, method: Method, on_message: OnMessage, *, limit_bytes: int) -> None:
        self._method = method
        self._on_message = on_message
        self._limit_bytes = limit_bytes

    def open(self, headers: Sequence[Header], sink: Sink) -> "StreamCall":
        """See `endpoint.StreamEndpoint`."""
        return StreamCall(self._method, self._on_message, headers, sink, self._limit_bytes)


class StreamCall:
    """One call; the `StreamExchange` of its connection."""

    def __init__(
        self, method: Method, on_message: OnMessage, headers: Sequence[Header], sink: Sink, limit_bytes: int
    ) -> None:
        encoding, timeout = encoding_and_timeout(headers)
        self.headers = without_edge_start(headers)
        self._method = method
        self._on_message = on_message
        self._sink = sink
        self._reader = FrameReader(encoding, limit_bytes)
        self._open: deque[StreamRequest] = deque()
        self._bytes = 0
        """Bytes of the request body so far."""
        self._all_read = False
        self._ending: Exception | None = None
        """Why no further request is accepted. The call ends with this error after the open requests."""
        self._ended = False
        self._busy = False
        """Whether `_process` is running further up in the stack."""
        self._timer: asyncio.TimerHandle | None = None
        sink.write(b"%bx-request-id: %b\r\n\r\n" % (HEAD, sink.request_id.encode()))
        if timeout:
            self._limit_time(timeout)

    # Called by the connection

    def on_piece(self, piece: bytes) -> None:
        """See `StreamExchange`."""
        self._bytes += len(piece)
        self._reader.feed(piece)
        self._process()

    def on_request_end(self) -> None:
        """See `StreamExchange`."""
        self._all_read = True
        self._process()

    def on_room(self) -> None:
        """See `StreamExchange`."""
        self.resume_first()
        self._process()

    def on_shutdown(self) -> None:
        """See `StreamExchange`."""
        self._drain(ModelNotReady("the server process is being replaced; call again"))

    def body_progress(self) -> tuple[object, int]:
        """See `StreamExchange`. Counts the bytes of the whole stream: only that number grows with every piece."""
        return (self, self._bytes) if self._reader.held_bytes else (None, 0)

    @property
    def held_bytes(self) -> int:
        """See `StreamExchange`."""
        return self._reader.held_bytes

    def on_rejected(self, error: ModelyardError) -> None:
        """See `StreamExchange`."""
        self._drain(error)

    def cancel(self) -> None:
        """See `StreamExchange`."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for request in self._open:
            if request.handle is not None:
                request.handle.cancel()

    # Called by requests

    def on_response(self, request: StreamRequest, message: bytes) -> None:
        """Write a response, or buffer it until the earlier requests are done."""
        if self._ended:
            return
        if request is self._open[0]:
            self._sink.write(chunk(frame(message)))
        else:
            request.buffered.append(message)

    def on_finished(self) -> None:
        """Remove the requests that are done, write what they held up, and read on."""
        while self._open and self._open[0].done and not self._ended:
            self._open.popleft()
            if self._open:
                for message in self._open[0].buffered:
                    self._sink.write(chunk(frame(message)))
                self._open[0].buffered.clear()
        self.resume_first()
        self._process()

    def resume_first(self) -> None:
        """Let the first open request go on if it can write."""
        if self._ended or not self._open or self._sink.full:
            return
        first = self._open[0]
        if (resume := first.resume) is not None:
            first.resume = None
            resume()

    def on_failed(self, error: Exception) -> None:
        """End the call at once."""
        if not self._ended:
            self._end(error)

    # Steps of the call

    def _drain(self, error: Exception) -> None:
        """Accept no more requests, and end with the error after the open ones. Endless ones are cancelled."""
        self._ending = self._ending or error
        if any(request.endless for request in self._open):
            self._end(self._ending)
        else:
            self._end_or_read()

    def _process(self) -> None:
        """Start the requests that have arrived, as far as there is room."""
        if self._busy or self._ended:
            return
        self._busy = True
        while self._has_room() and self._start_next():
            pass
        self._busy = False
        self._end_or_read()

    def _end_or_read(self) -> None:
        """End if no request is open and none can follow; else read on if there is room."""
        if self._ended:
            return
        if not self._open and (self._ending is not None or (self._all_read and not self._sink.full)):
            self._end(self._ending)
        else:
            self._sink.set_reading(self._has_room())

    def _has_room(self) -> bool:
        return not (self._ended or self._ending or self._sink.full) and len(self._open) < MAX_OPEN_REQUESTS

    def _start_next(self) -> bool:
        """Start the next request. Returns whether there was a message."""
        try:
            frame_message = self._reader.next()
            if frame_message is None:
                if self._all_read:
                    self._reader.end()
                return False
            message = self._method.read(frame_message)
        except Exception as error:  # noqa: BLE001 - every error ends the call with a status
            self._ending = error
            return False
        request = StreamRequest(self, self._sink.request_id, len(frame_message))
        self._open.append(request)
        try:
            request.handle = self._on_message(message, request)
        except Exception as error:  # noqa: BLE001 - as above
            self._open.pop()
            self._ending = error
        return True

    def _end(self, error: Exception | None) -> None:
        self.cancel()
        self._sink.end(END if error is None else end_of_body(failure_trailers(error, self._sink.request_id)))

    def _limit_time(self, timeout: bytes) -> None:
        try:
            limit_s = timeout_s(timeout)
        except Exception as error:  # noqa: BLE001 - an invalid header ends the call like an invalid message
            self._ending = error
            return
        late = DeadlineExceeded(f"the stream reached its timeout of {limit_s:g} s")
        self._timer = asyncio.get_running_loop().call_later(limit_s, self._end, late)
