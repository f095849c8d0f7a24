"""The model server: takes requests for one version of a model, batches them, and answers each once.

The life of a request: `submit` admits it, it stands in the line, `_next_call` makes a batch, the batch runs on the
loop or in the worker thread, `_finish` hands out the answers. All but the worker's part of a call happens on the
event loop's thread, in callbacks: this is the hottest code there is, and a task or a future for each request would
cost more than a small model.

Batches come about by themselves: requests gather until the loop has read all sockets that were readable, or while the
model is busy. An idle model never waits for more, unless `max_delay_ms` asks for it.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, ModelyardError, Overloaded
from modelyard.inference.batch import Batch, RowsError
from modelyard.inference.cost import CallCost
from modelyard.inference.generation import Generations
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.pending_request import Done, InferResponse, PendingRequest
from modelyard.inference.queue import RequestQueue
from modelyard.inference.recorder import UNRECORDED, Recorder, RequestContext
from modelyard.inference.row_size import row_sizes
from modelyard.inference.running_requests import ids_of
from modelyard.inference.warmup import Warmup
from modelyard.inference.worker import Worker
from modelyard.runtimes.base import GeneratingModel, LoadedModel
from modelyard.tensors import InferRequest

ALONE, LOOK_AGAIN = 8, 32
"""After so many calls in a row with nobody else about, requests run inside `submit`; every so many, two gather all the
same (the first may be its turn's last). Waiting for the loop to come round costs 15 us where there is one client. Where
there are 64 it cuts the CPU time of a request to a third even with a model of 7 us, so it is the rule."""
DIRECT_BELOW_S = 200e-6
"""The dearest call, as believed, that runs inside `submit`: those who come meanwhile wait for LOOK_AGAIN of these."""
INLINE_BELOW_S = 1e-3
"""Calls believed cheaper than this run on the loop; others in the worker, which costs a change of threads."""
MOST_RETRY_AFTER_S = 30
ADMITTED = 0.8
"""A request is accepted if it will be answered within this part of its time-out, as believed: calls do not all take the same."""
TIMER_SLACK_S = 1e-3
"""uvloop's timers count whole milliseconds, so one may fire that much too early."""

log = logging.getLogger(__name__)


class Scheduler:
    """Serves one loaded model. Everything is called on the loop's thread.

    A call that hangs in the worker hangs this model alone: its requests and those behind it are answered when their
    deadlines pass, `stuck_s` tells the health check, and serving goes on if the call returns. Calls of models that run an
    operator's code are always made there. A call that hangs on the loop hangs the replica, which its watchdog then ends; only
    models whose calls take as long as their inputs are large run there, and only inputs of a size that has been quick.
    """

    def __init__(
        self,
        model: LoadedModel,
        measured: Warmup,
        *,
        limits: Limits,
        batching: Batching,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.perf_counter,
        recorder: Recorder = UNRECORDED,
        worker: Worker | None = None,
    ) -> None:
        """`worker` is the thread in which the model was loaded."""
        self._model = model
        self._rowwise = model.signature.rowwise
        self._batchable = measured.batchable
        self._limit_to(limits, batching)
        self._loop = loop
        self._clock = clock
        self._cost = CallCost(measured.fixed_s, measured.per_row_s)
        # Of calls on the loop. What one takes in the worker says little of that: there it waits for the interpreter, and a
        # model once believed dear would never come back.
        self._cost_here = CallCost(measured.fixed_s, measured.per_row_s)
        self._sizes = row_sizes(model, measured.row_size)
        self._recorder = recorder
        self.open_requests = OpenRequests(clock)
        """Whoever reads requests tells it of those that cannot be submitted."""
        self._line = RequestQueue()
        self._again: list[list[PendingRequest]] = []  # parts of batches that failed; the next one to run is last
        self._call: Batch | None = None  # the one that runs
        self._in_worker: Batch | None = None  # the same, while it runs there
        self._start: asyncio.Handle | None = None  # of the next call; set whenever requests wait and none runs
        self._deadline: asyncio.TimerHandle | None = None  # one for all: deadlines pass in the order of arrival
        self._alone = 0  # calls in a row that held one request and left nobody waiting
        self._closing = False
        self._worker = worker or Worker()
        self._cancelled = self._drop  # bound once, not for each ticket
        self.generations: Generations | None = None
        """Where the model can answer in parts; those requests are taken on there."""
        if isinstance(model, GeneratingModel):
            self.generations = Generations(
                model, self._worker, self.open_requests, recorder, limits=limits, loop=loop, clock=clock
            )
        # A model that generates is in the worker between the loop's turns, and is never called in two threads.
        self._may_run_here = model.loop_safe and self.generations is None

    def _limit_to(self, limits: Limits, batching: Batching) -> None:
        self._most_waiting = limits.queue
        self._timeout_s = limits.timeout_s
        self._most_rows = batching.max_size if self._batchable and batching.max_size > 1 else 0
        self._delay_s = batching.max_delay_ms / 1000

    def configure(self, limits: Limits, batching: Batching) -> None:
        """Apply these from now on, also to the requests that wait. `batching.max_size` is at most what was proved at load."""
        self._limit_to(limits, batching)
        if self.generations is not None:
            self.generations.limits = limits
        if self._deadline is not None:  # it was set for another time-out
            self._deadline.cancel()
            self._deadline_passed()
        if self._start is not None:  # it may have been set for another delay
            self._start.cancel()
            self._start = None
            self._gather()

    @property
    def in_flight(self) -> int:
        """Accepted requests that are not answered yet, waiting or running."""
        return self.open_requests.open

    @property
    def waiting(self) -> int:
        """Of these, those whose call has not begun."""
        return self._line.waiting + sum(len(batch) for batch in self._again)

    def submit(self, request: InferRequest, done: Done, context: RequestContext | None = None) -> PendingRequest:
        """Take a request on; `done` gets its answer or error once, on the loop, perhaps before this returns.

        A refusal is raised instead, and `done` never called: Overloaded when the queue is full, ModelNotReady when the
        server drains or is closed. The request is recorded as one of `context`, or else by the server's own recorder.
        """
        context = context or self.open_requests.context(self._recorder)
        context.rows = request.rows
        if self._closing:
            raise self.open_requests.refuse(context, ModelNotReady("the model is shutting down"))
        direct = self._alone >= ALONE and self._may_run_at_once(request)
        if not direct:
            if self._line.waiting >= self._most_waiting:
                self._make_room(context)
            if self._call is not None and self._answered_in_s(request.rows) > ADMITTED * self._timeout_s:
                raise self._overloaded(context, "what waits already takes as long as the time-out allows")
        ticket = PendingRequest(request, done, self._clock(), self._cancelled, context)
        self.open_requests.open += 1
        if direct:
            self._alone += 1
            self._run_here(Batch([ticket], ticket.submitted))
            return ticket
        self._line.add(ticket)
        if self._call is None and (self._start is None or self._delay_s):
            self._gather()
        if self._deadline is None:
            self._deadline = self._loop.call_later(self._timeout_s, self._deadline_passed)
        return ticket

    def stuck_s(self) -> float:
        """Seconds since the running call, or step of a generation, began; 0 when none runs."""
        step_s = 0.0 if self.generations is None else self.generations.stuck_s()
        return max(step_s, 0.0 if self._call is None else self._clock() - self._call.started)

    def call_on_loop(self) -> Batch | None:
        """The call that the event loop's thread is in. Other threads may look."""
        call = self._call
        return None if call is self._in_worker else call

    async def drain(self) -> None:
        """Refuse new requests and return when all accepted ones are answered, at their deadlines at the latest."""
        self._closing = True
        if self.generations is not None:
            self.generations.closing = True
        if self._start is not None:
            self._start_now()
        await self.open_requests.emptied()

    def close(self) -> None:
        """Refuse new requests, answer the open ones with ModelNotReady, and let the thread end after its call."""
        self._closing = True
        tickets = [*self._line, *self._begun()]
        self._line, self._again = RequestQueue(), []
        for ticket in tickets:
            self.open_requests.close(ticket, ModelNotReady("the model was shut down before it answered"))
        if self.generations is not None:
            self.generations.close()
        for timer in (self._start, self._deadline):
            if timer is not None:
                timer.cancel()
        self._worker.stop()

    # Admission

    def _make_room(self, context: RequestContext) -> None:
        """Raise Overloaded, unless the model is idle: what has gathered for it is no queue yet, and goes to it now."""
        if self._call is None and self._start is not None:
            self._start.cancel()
            self._run()
        if self._line.waiting >= self._most_waiting:
            raise self._overloaded(context, f"{self._line.waiting} requests are waiting already")

    def _overloaded(self, context: RequestContext, why: str) -> Exception:
        error = Overloaded(why)
        error.retry_after_s = min(MOST_RETRY_AFTER_S, max(1, math.ceil(self._answered_in_s())))
        return self.open_requests.refuse(context, error)

    def _answered_in_s(self, rows: int = 0) -> float:
        """Seconds until one more request of so many rows would be answered, behind all that wait; without one, until those are.
        Judged by what calls have cost so far."""
        running, calls = self._call, self._line.waiting + bool(rows)
        rows += self._line.rows
        if self._most_rows:
            calls = min(calls, math.ceil(rows / self._rows_in(self._timeout_s / 2)))
        if running is None:
            return self._cost.of(rows, calls)
        believed_s, spent_s = self._cost.of(running.rows), self.stuck_s()
        left_s = believed_s - spent_s if spent_s < believed_s else spent_s  # of one that is late already, as long again
        return left_s + self._cost.of(rows, calls)

    def _rows_in(self, seconds: float) -> int:
        """How many rows a call may have that is to end within so long; at least 1."""
        return int(min(self._most_rows, max(1, self._cost.rows_within(seconds))))

    def _may_run_at_once(self, request: InferRequest) -> bool:
        idle = self._call is None and self._start is None and not self._delay_s and self._may_run_here
        if not (idle and self._alone % LOOK_AGAIN > 1 and self._cost_here.of(request.rows) < DIRECT_BELOW_S):
            return False
        return self._sizes is None or self._sizes.usual((request,), request.rows)

    # Gathering and running

    def _gather(self) -> None:
        """See that a call starts: when the loop has read what is readable now, or when `max_delay_ms` is over."""
        wait_s = self._delay_left_s()
        if wait_s <= 0:
            self._start_now()
        elif self._start is None:
            self._start = self._loop.call_later(wait_s, self._run)

    def _start_now(self) -> None:
        if self._start is not None and self._delay_s:
            self._start.cancel()
            self._start = None
        if self._start is None:
            self._start = self._loop.call_soon(self._run)

    def _delay_left_s(self) -> float:
        if not self._delay_s or self._again or self._closing or self._line.rows >= self._most_rows:
            return 0.0
        oldest = self._line.oldest()
        return oldest.submitted + self._delay_s - self._clock() if oldest else 0.0

    def _run(self) -> None:
        self._start = None
        if (call := self._next_call()) is None:
            return
        run = self._run_here if self._is_cheap_here(call.rows) and self._is_usual(call) else self._run_in_worker
        run(call)

    def _is_cheap_here(self, rows: int) -> bool:
        return self._may_run_here and self._cost_here.of(rows) < INLINE_BELOW_S

    def _is_usual(self, call: Batch) -> bool:
        return self._sizes is None or self._sizes.usual((ticket.request for ticket in call.batch), call.rows)

    def _next_call(self) -> Batch | None:
        """The oldest requests that go together, of those whose deadlines have not passed."""
        now = self._clock()
        too_old = now - self._timeout_s
        late = self._line.take_until(too_old)
        batch: list[PendingRequest] = []
        while self._again and not batch:
            part = self._again.pop()
            late += [ticket for ticket in part if ticket.submitted <= too_old]
            batch = [ticket for ticket in part if ticket.submitted > too_old and ticket.done is not None]
        if not batch:
            # A batch that ends after its deadline is computed for nobody, and so is the next, behind it.
            oldest = self._line.oldest()
            left_s = self._timeout_s if oldest is None else oldest.submitted - too_old
            batch = self._line.take(self._rows_in(min(self._timeout_s / 2, left_s)))
        self._alone = self._alone + 1 if len(batch) == 1 and not self._line.waiting else 0
        call = self._call = Batch(batch, now) if batch else None
        self._too_late(late)  # only now that the model is taken: clients may submit again from here
        return call

    def _run_here(self, call: Batch) -> None:
        # Taken until the answers are out: a client that submits again from `done` joins the line, not the stack.
        self._call = call
        call.run(self._model, self._rowwise, self._clock)
        if call.error is None:
            self._cost_here.observe(call.rows, call.seconds)
        self._finish(call)
        self._call = None
        if self._line.waiting or self._again:
            self._gather()

    def _next_is_cheap_here(self) -> bool:
        oldest = self._line.oldest()
        if oldest is None or self._again:
            return False
        return self._is_cheap_here(max(oldest.rows, min(self._line.rows, self._most_rows)))

    def _run_in_worker(self, call: Batch) -> None:
        loop, model, rowwise, clock = self._loop, self._model, self._rowwise, self._clock
        self._in_worker = call

        def job() -> None:
            call.run(model, rowwise, clock)
            try:
                loop.call_soon_threadsafe(self._worker_is_free, call)
            except RuntimeError:
                log.debug("a call of the model ended after its event loop")

        self._worker.do(job)

    def _worker_is_free(self, call: Batch) -> None:
        """Start the next call before the last one's answers go out: the model computes while the loop encodes."""
        if call.error is not None:
            self._finish(call)
        elif self._sizes is not None and call.seconds < INLINE_BELOW_S:
            self._sizes.was_quick((ticket.request for ticket in call.batch), call.rows)
        self._call = self._in_worker = None
        self._cost_here.forget()
        if self._line.waiting or self._again:
            if self._delay_left_s() > 0 or self._next_is_cheap_here():
                self._gather()
            elif (following := self._next_call()) is not None:
                self._run_in_worker(following)
        if call.error is None:
            self._finish(call)

    # Answering

    def _finish(self, call: Batch) -> None:
        self._recorder.called(call.rows, call.seconds)
        if call.error is not None:
            self._failed(call, call.error)
            return
        self._cost.observe(call.rows, call.seconds)
        close = self.open_requests.close
        for ticket, outputs in zip(call.batch, call.outputs, strict=True):
            close(ticket, InferResponse(outputs, call.rows, call.started - ticket.submitted, call.seconds), call)

    def _failed(self, call: Batch, error: BaseException) -> None:
        """Find the request that the model fails on by halves, so that its neighbours are answered.

        One bad request of n costs 2 log2(n) more calls; n bad ones 2 n in all. Deadlines bound the time.
        """
        batch = [ticket for ticket in call.batch if ticket.done is not None]
        tried = len(call.batch)  # whoever has left since may be the one
        if tried > 1 and not isinstance(error, RowsError):
            about = {"requests": ids_of(batch)}
            name = type(error).__name__
            log.warning("the model failed on %d requests at once (%s): trying halves", tried, name, extra=about)
            half = len(batch) // 2
            self._again += (batch[half:], batch[:half])
            return
        shown = error if isinstance(error, ModelyardError) else InferenceFailed("the model failed on this request")
        if shown is not error:
            about = {"requests": ids_of(batch)}
            log.error("the model failed on %d requests, %d rows", tried, call.rows, exc_info=error, extra=about)
        for ticket in batch:
            self.open_requests.close(ticket, shown, call)

    def _begun(self) -> Iterator[PendingRequest]:
        """Tickets that have left the line, closed ones among them."""
        if self._call is not None:
            yield from self._call.batch
        for batch in self._again:
            yield from batch

    def _too_late(self, tickets: list[PendingRequest]) -> None:
        for ticket in tickets:
            self.open_requests.close(ticket, DeadlineExceeded(f"no answer within {self._timeout_s:g} s"))

    def _deadline_passed(self) -> None:
        """InferResponse those whose deadlines have passed, wherever they are, and come back for the next."""
        now = self._clock()
        too_old = now - self._timeout_s
        self._too_late([*self._line.take_until(too_old), *(t for t in self._begun() if t.submitted <= too_old)])
        times = [ticket.submitted for ticket in (*self._line, *self._begun()) if ticket.done is not None]
        self._deadline = None
        if times:
            wait_s = max(min(times) + self._timeout_s - now, TIMER_SLACK_S)
            self._deadline = self._loop.call_later(wait_s, self._deadline_passed)

    def _drop(self, ticket: PendingRequest) -> None:
        if ticket.waiting:
            self._line.remove(ticket)
        self.open_requests.close(ticket, None)
