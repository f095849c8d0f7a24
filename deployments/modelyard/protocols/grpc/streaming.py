"""A gRPC call whose messages stream both ways: questions in, and the answers to each, in the order of the questions."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from modelyard.errors import DeadlineExceeded, ModelNotReady, ModelyardError
from modelyard.http.edge_headers import without_edge_start
from modelyard.http.endpoint import Header, Sink
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.frames import FrameReader, frame
from modelyard.protocols.grpc.messages import Method
from modelyard.protocols.grpc.timeout import timeout_s
from modelyard.protocols.grpc.unary import END, HEAD, chunk, end_of_body, failed, of_headers

MOST_OPEN = 64
"""Questions of one stream under way; no more is read meanwhile."""


class Question:
    """One message in, and the messages out for it as they come."""

    __slots__ = ("_call", "begun", "done", "endless", "message_bytes", "request_id", "resume", "waiting")

    def __init__(self, call: "StreamCall", request_id: str, message_bytes: int) -> None:
        self.request_id = request_id
        """The stream's."""
        self.message_bytes = message_bytes
        self._call = call
        self.begun: CancelHandle | None = None
        self.done = False
        self.endless = False
        """Whether its answers only end with the call."""
        self.resume: Callable[[], None] | None = None
        """What goes on when there is room for a further answer."""
        self.waiting: list[bytes] = []
        """Answers that must wait for those to an earlier question."""

    @property
    def headers(self) -> Sequence[Header]:
        """The stream's."""
        return self._call.headers

    def tell(self, message: Any) -> None:
        """One answer."""
        self._call.on_answer(self, message.SerializeToString())

    def when_room(self, go_on: Callable[[], None]) -> None:
        """Call this, perhaps at once, when its turn has come and the client reads."""
        self.resume = go_on
        self._call.give_room()

    def finish(self) -> None:
        """There is no further answer."""
        self.done = True
        self._call.on_finished()

    def fail(self, error: Exception) -> None:
        """The call ends with this error, whatever else is open."""
        self._call.on_failed(error)


Ask = Callable[[Any, Question], CancelHandle | None]
"""Takes a message and answers it by its Question, perhaps before it returns. What it raises ends the call."""


class StreamEndpoint:
    """The endpoint of a method with streams; see `endpoint.StreamEndpoint`."""

    def __init__(self, method: Method, ask: Ask, *, limit_bytes: int) -> None:
        self._method = method
        self._ask = ask
        self._limit_bytes = limit_bytes

    def open(self, headers: Sequence[Header], sink: Sink) -> "StreamCall":
        """See `endpoint.StreamEndpoint`."""
        return StreamCall(self._method, self._ask, headers, sink, self._limit_bytes)


class StreamCall:
    """One call; the `Exchange` of its connection."""

    def __init__(self, method: Method, ask: Ask, headers: Sequence[Header], sink: Sink, limit_bytes: int) -> None:
        encoding, timeout = of_headers(headers)
        self.headers = without_edge_start(headers)
        self._method = method
        self._ask = ask
        self._sink = sink
        self._reader = FrameReader(encoding, limit_bytes)
        self._open: deque[Question] = deque()
        self._bytes = 0
        """Of the request, so far."""
        self._all_read = False
        self._ending: Exception | None = None
        """Why no further question is taken; the call ends with it when those before are answered."""
        self._ended = False
        self._busy = False
        """Whether questions are being asked, further up in the stack."""
        self._timer: asyncio.TimerHandle | None = None
        sink.write(b"%bx-request-id: %b\r\n\r\n" % (HEAD, sink.request_id.encode()))
        if timeout:
            self._limit_time(timeout)

    # What the connection tells

    def on_piece(self, piece: bytes) -> None:
        """See `Exchange`."""
        self._bytes += len(piece)
        self._reader.feed(piece)
        self._go_on()

    def on_request_end(self) -> None:
        """See `Exchange`."""
        self._all_read = True
        self._go_on()

    def on_room(self) -> None:
        """See `Exchange`."""
        self.give_room()
        self._go_on()

    def on_shutdown(self) -> None:
        """See `Exchange`."""
        self._wind_up(ModelNotReady("the server's process is being replaced; call again"))

    def body_progress(self) -> tuple[object, int]:
        """See `Exchange`; the bytes are the whole stream's, as those of one message that came slowly would be all but these."""
        return (self, self._bytes) if self._reader.held_bytes else (None, 0)

    @property
    def held_bytes(self) -> int:
        """See `Exchange`."""
        return self._reader.held_bytes

    def on_rejected(self, error: ModelyardError) -> None:
        """See `Exchange`."""
        self._wind_up(error)

    def cancel(self) -> None:
        """See `Exchange`."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        for question in self._open:
            if question.begun is not None:
                question.begun.cancel()

    # What questions tell

    def on_answer(self, question: Question, message: bytes) -> None:
        """Write it in its turn."""
        if self._ended:
            return
        if question is self._open[0]:
            self._sink.write(chunk(frame(message)))
        else:
            question.waiting.append(message)

    def on_finished(self) -> None:
        """One is: those behind it may have their turn, and others may come."""
        while self._open and self._open[0].done and not self._ended:
            self._open.popleft()
            if self._open:
                for message in self._open[0].waiting:
                    self._sink.write(chunk(frame(message)))
                self._open[0].waiting.clear()
        self.give_room()
        self._go_on()

    def give_room(self) -> None:
        """To the question whose turn it is, if there is any."""
        if self._ended or not self._open or self._sink.full:
            return
        first = self._open[0]
        if (resume := first.resume) is not None:
            first.resume = None
            resume()

    def on_failed(self, error: Exception) -> None:
        """End at once."""
        if not self._ended:
            self._end(error)

    # The call's own steps

    def _wind_up(self, error: Exception) -> None:
        """Take no more questions; what was asked is answered, if that ever ends."""
        self._ending = self._ending or error
        if any(question.endless for question in self._open):
            self._end(self._ending)
        else:
            self._settle()

    def _go_on(self) -> None:
        """Ask what has come, as far as there is room."""
        if self._busy or self._ended:
            return
        self._busy = True
        while self._has_room() and self._ask_next():
            pass
        self._busy = False
        self._settle()

    def _settle(self) -> None:
        """End, where nothing is left to answer; else read on as far as there is room."""
        if self._ended:
            return
        if not self._open and (self._ending is not None or (self._all_read and not self._sink.full)):
            self._end(self._ending)
        else:
            self._sink.set_reading(self._has_room())

    def _has_room(self) -> bool:
        return not (self._ended or self._ending or self._sink.full) and len(self._open) < MOST_OPEN

    def _ask_next(self) -> bool:
        """Whether there was a message to ask about."""
        try:
            message = self._reader.next()
            if message is None:
                if self._all_read:
                    self._reader.end()
                return False
            asked = self._method.read(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the call ends with a status
            self._ending = error
            return False
        question = Question(self, self._sink.request_id, len(message))
        self._open.append(question)
        try:
            question.begun = self._ask(asked, question)
        except Exception as error:  # noqa: BLE001 - the same
            self._open.pop()
            self._ending = error
        return True

    def _end(self, error: Exception | None) -> None:
        self.cancel()
        self._sink.end(END if error is None else end_of_body(failed(error, self._sink.request_id)))

    def _limit_time(self, timeout: bytes) -> None:
        try:
            limit_s = timeout_s(timeout)
        except Exception as error:  # noqa: BLE001 - as a message that is none
            self._ending = error
            return
        late = DeadlineExceeded(f"the stream was open for {limit_s:g} s, as long as it may")
        self._timer = asyncio.get_running_loop().call_later(limit_s, self._end, late)
