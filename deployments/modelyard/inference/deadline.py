"""A client's own deadline, where it is shorter than the model's."""

import asyncio

from modelyard.errors import DeadlineExceeded, ModelyardError
from modelyard.inference.pending_request import Done, InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.tensors import InferRequest


class WithTimeout:
    """A request that is given up when its client's time is over, and dropped if its call has not begun."""

    __slots__ = ("_done", "_ticket", "_timeout_s", "_timer")

    def __init__(
        self,
        server: Scheduler,
        request: InferRequest,
        done: Done,
        context: RequestContext,
        *,
        timeout_s: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Submit it. `done` is called once, as by `Scheduler.submit`, which also says what is raised."""
        self._done = done
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._ticket = server.submit(request, self._answered, context)
        if self._ticket.done is not None:
            self._timer = loop.call_later(timeout_s, self._give_up)

    def cancel(self) -> None:
        """The client left."""
        self._stop()

    def _answered(self, result: InferResponse | ModelyardError) -> Exception | None:
        if self._timer is not None:
            self._timer.cancel()
        return self._done(result)

    def _give_up(self) -> None:
        self._stop()
        self._done(DeadlineExceeded(f"no answer within the {self._timeout_s:g} s that the request allows"))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ticket.cancel()
