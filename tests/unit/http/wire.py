"""A connection without sockets: tests pass the received bytes, and read the written bytes from a list."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from modelyard.http.connection import FastPathProtocol
from modelyard.http.endpoint import Reply
from modelyard.http.fast_path import FastPath
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import problem
from modelyard.protocols.predict.endpoint import PredictResponse
from tests.fakes import FakeClock, FakeHandle, FakeLoop

FAST = "/models/m/predict"
KEEP_ALIVE_S = 30
DATE = b"Tue, 01 Jan 2030 00:00:00 GMT"


class FakeCancelHandle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeEndpoint:
    """Stores its requests; responds immediately, or when the test calls a reply."""

    def __init__(self, *, immediate: bool = True, error: Exception | None = None) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self.handles: list[FakeCancelHandle] = []
        self.replies: list[Reply] = []
        self.rejected: list[str] = []
        self._immediate = immediate
        self._error = error

    def start(
        self, body: bytes, content_type: bytes, headers: object, reply: Reply, request_id: str
    ) -> FakeCancelHandle:
        if self._error:
            raise self._error
        self.requests.append((body, content_type))
        self.handles.append(FakeCancelHandle())
        self.replies.append(reply)
        if self._immediate:
            reply(prediction(len(self.requests)))
        return self.handles[-1]

    def reject(self, error: Exception, request_id: str) -> None:
        self.rejected.append(type(error).__name__)

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        return WholeResponse(problem(error, request_id, path))


def prediction(number: int) -> PredictResponse:
    return PredictResponse(b"%d" % number, 0.001, 1, 0.002)


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading = True
        self.closed = self.aborted = False
        self.unsent = 0
        """Bytes that were written and that the client has not read."""

    def write(self, data: Any) -> None:
        assert not self.closed, "written after close"
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class TaskLoop(FakeLoop):
    """Counts the tasks of slow path requests without running them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.tasks = 0

    def create_task(self, coroutine: Any, **_: Any) -> Any:
        coroutine.close()
        self.tasks += 1
        return TaskHandle(0, lambda: None, ())


class TaskHandle(FakeHandle):
    def add_done_callback(self, _: object) -> None:
        pass


class Wire:
    """One connection, with an endpoint for FAST."""

    def __init__(self, endpoint: FakeEndpoint | None = None, *, body_limit: int = 2**20) -> None:
        self.endpoint = endpoint or FakeEndpoint()
        self.arrived_count = 0
        fast_path = FastPath()
        fast_path.open({FAST.encode(): self.endpoint}, self, body_limit=body_limit)  # type: ignore[dict-item]
        self.loop = TaskLoop(FakeClock())
        self.transport = FakeTransport()
        self.state = ServerState()
        self.state.default_headers = [(b"date", DATE), (b"server", b"uvicorn")]
        config = uvicorn.Config(
            _app, interface="asgi3", lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE_S, ws="none"
        )
        self.connection = type("Protocol", (FastPathProtocol,), {"fast_path": fast_path})(
            config, self.state, {}, self.loop
        )
        self.connection.connection_made(self.transport)

    def arrived(self) -> None:
        self.arrived_count += 1

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    @property
    def statuses(self) -> list[bytes]:
        return [answer.split(b" ", 2)[1] for answer in self.transport.written]


async def _app(scope: object, receive: object, send: object) -> None:
    """Never runs."""
