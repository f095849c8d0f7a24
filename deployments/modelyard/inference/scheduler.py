"""The scheduler of one version of a model: it accepts requests, batches them, and completes each exactly once.

A request's way: `submit` admits and queues it, `_next_batch` makes a batch, the batch runs on the event loop or in the worker
thread, `_finish` completes its requests. All but the worker's part runs in callbacks on the event loop's thread. This is the
hottest code of the server: a task or a future for each request would cost more than a small model.

Batching needs no delay: requests gather until the loop has read all readable sockets, or while the model is busy. An idle model
waits for further requests only with `max_delay_ms`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, ModelyardError, Overloaded
from modelyard.inference.admission import Admission
from modelyard.inference.batch import Batch, RowsError
from modelyard.inference.cost import BatchCost
from modelyard.inference.generation import Generations
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.pending_request import Complete, InferResponse, PendingRequest
from modelyard.inference.queue import RequestQueue
from modelyard.inference.recorder import UNRECORDED, Recorder, RequestContext
from modelyard.inference.row_size import row_sizes
from modelyard.inference.running_requests import ids_of
from modelyard.inference.warmup import Warmup
from modelyard.inference.worker import Worker
from modelyard.runtimes.base import GeneratingModel, LoadedModel
from modelyard.tensors import InferRequest

SINGLES, RECHECK = 8, 32
"""After SINGLES batches in a row of one request, with no other waiting, a request runs inside `submit`. Two of each RECHECK
requests are queued all the same, to notice concurrent clients (the first may be the last of its loop iteration). One iteration of
the loop costs a single client 15 us; with 64 clients it reduces the CPU time of a request to a third, even for a model of 7 us."""
DIRECT_BELOW_S = 200e-6
"""Batches with an estimate below this may run inside `submit`: a concurrent client then waits for at most RECHECK of them."""
INLINE_BELOW_S = 1e-3
"""Batches with an estimate below this run on the loop; others in the worker, at the cost of a change of threads."""
TIMER_SLACK_S = 1e-3
"""uvloop's timers count whole milliseconds, so a timer may fire this much early."""

log = logging.getLogger(__name__)


class Scheduler:
    """The `Service` of one loaded model. Every method is called on the event loop's thread.

    A call of the model that hangs in the worker blocks this model alone: its requests fail at their deadlines, `stuck_s` informs
    the health check, and scheduling continues if the call returns. A call that hangs on the loop blocks the replica, which its
    watchdog then ends. So models that run an operator's code never run on the loop, and other models only with inputs of a size
    that has been quick before.
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
        name: str = "",
    ) -> None:
        """`name` is the model's. `worker` is the thread in which the model was loaded. `recorder` records its batches."""
        self._model = model
        self._name = name
        self._rowwise = model.signature.rowwise
        self._batchable = measured.batchable
        self._loop = loop
        self._clock = clock
        self._cost = BatchCost(measured.fixed_s, measured.per_row_s)
        # Of batches on the loop alone. Times in the worker include waiting for the interpreter's lock: with them, a model that
        # was once estimated as slow would never return to the loop.
        self._loop_cost = BatchCost(measured.fixed_s, measured.per_row_s)
        self._sizes = row_sizes(model, measured.row_size)
        self._recorder = recorder
        self.open_requests = OpenRequests(clock)
        self._queue = RequestQueue()
        self._admission = Admission(self._queue, self._cost)
        self._limit_to(limits, batching)
        self._to_bisect: list[list[PendingRequest]] = []  # parts of failed batches; the next one to run is last
        self._running: Batch | None = None
        self._in_worker: Batch | None = None  # the running batch, while it is in the worker
        self._start: asyncio.Handle | None = None  # of the next batch; set whenever requests wait and none runs
        self._deadline: asyncio.TimerHandle | None = None  # one for all: deadlines pass in the order of arrival
        self._singles = 0  # batches in a row that held one request and left the queue empty
        self._closing = False
        self._closed = False
        self._released: Future[None] = Future()
        self._worker = worker or Worker()
        self._cancelled: Callable[[PendingRequest], None] = self._drop  # bound once, not for each request
        self.generations: Generations | None = None
        """Where the model can respond in parts."""
        if isinstance(model, GeneratingModel):
            self.generations = Generations(
                model, self._worker, self.open_requests, recorder, limits=limits, loop=loop, clock=clock, name=name
            )
        # A model that generates is in the worker between iterations of the loop, and is never called in two threads.
        self._may_run_on_loop = model.loop_safe and self.generations is None

    def configure(self, limits: Limits, batching: Batching) -> None:
        """Apply these from now on, also to queued requests. `batching.max_size` is at most what was proved at load."""
        self._limit_to(limits, batching)
        if self.generations is not None:
            self.generations.limits = limits
        if self._deadline is not None:  # it was set for another timeout
            self._deadline.cancel()
            self._on_deadline()
        if self._start is not None:  # it may have been set for another delay
            self._start.cancel()
            self._start = None
            self._gather()

    def _limit_to(self, limits: Limits, batching: Batching) -> None:
        self._timeout_s = limits.timeout_s
        self._max_rows = batching.max_size if self._batchable and batching.max_size > 1 else 0
        self._delay_s = batching.max_delay_ms / 1000
        self._admission.configure(max_queued=limits.queue, timeout_s=self._timeout_s, max_rows=self._max_rows)

    @property
    def in_flight(self) -> int:
        """Accepted requests that are not completed, queued or running."""
        return self.open_requests.count

    @property
    def queued(self) -> int:
        """Of these, those whose batch has not begun."""
        return self._queue.count + sum(len(requests) for requests in self._to_bisect)

    def submit(self, request: InferRequest, context: RequestContext, complete: Complete) -> PendingRequest:
        """See `Service`. Raises Overloaded, and ModelNotReady where the scheduler drains or is closed."""
        context.rows = request.rows
        if self._closing:
            raise self.open_requests.reject(context, ModelNotReady("the model is shutting down"))
        direct = self._singles >= SINGLES and self._may_run_directly(request)
        if not direct and (self._running is not None or self._admission.is_full()):
            self._admit(request.rows, context)
        pending = PendingRequest(request, complete, self._clock(), self._cancelled, context)
        self.open_requests.count += 1
        if direct:
            self._singles += 1
            self._run_on_loop(Batch([pending], pending.submitted))
            return pending
        self._queue.add(pending)
        if self._running is None and (self._start is None or self._delay_s):
            self._gather()
        if self._deadline is None:
            self._deadline = self._loop.call_later(self._timeout_s, self._on_deadline)
        return pending

    def stuck_s(self) -> float:
        """Seconds since the running batch, or step of a generation, began; 0 when none runs."""
        step_s = 0.0 if self.generations is None else self.generations.stuck_s()
        return max(step_s, self._running_s())

    def batch_on_loop(self) -> Batch | None:
        """The batch that the event loop's thread is running. Safe to call in any thread."""
        batch = self._running
        return None if batch is self._in_worker else batch

    async def drain(self) -> None:
        """Reject new requests, and return when all accepted ones are completed: at their deadlines at the latest."""
        self._closing = True
        if self.generations is not None:
            self.generations.closing = True
        if self._start is not None:
            self._start_now()
        await self.open_requests.emptied()

    def close(self) -> Future[None]:
        """Reject new requests, fail the open ones with ModelNotReady, and end the thread after its batch.

        Returns a future that is done when the model is released: in its thread, because operator code may run then.
        """
        self._closing = True
        open_requests = [*self._queue, *self._started()]
        self._queue.clear()
        self._to_bisect = []
        for pending in open_requests:
            self.open_requests.close(pending, ModelNotReady("the model was shut down before it responded"))
        if self.generations is not None:
            self.generations.close()
        for timer in (self._start, self._deadline):
            if timer is not None:
                timer.cancel()
        # An idle connection still refers to this scheduler by its last endpoint. The model's memory is freed all the same.
        self._cancelled = _ignore
        if not self._closed:
            self._closed = True
            model, released = [self._model], self._released
            del self._model

            def release() -> None:
                model.clear()
                released.set_result(None)

            if not self._worker.stop(release):
                release()
        return self._released

    # Admission

    def _admit(self, rows: int, context: RequestContext) -> None:
        """Raise Overloaded if the queue is full, or a response in time is unlikely."""
        if self._admission.is_full() and self._running is None and self._start is not None:
            self._start.cancel()  # the model is idle: it gets what has gathered, and the queue has room again
            self._run()
        running = self._running
        reason = self._admission.reason_to_reject(rows, running, self._running_s())
        if reason:
            error = Overloaded(reason)
            error.retry_after_s = self._admission.retry_after_s(running, self._running_s())
            raise self.open_requests.reject(context, error)

    def _running_s(self) -> float:
        return 0.0 if self._running is None else self._clock() - self._running.started

    def _may_run_directly(self, request: InferRequest) -> bool:
        idle = self._running is None and self._start is None and not self._delay_s and self._may_run_on_loop
        if not (idle and self._singles % RECHECK > 1 and self._loop_cost.of(request.rows) < DIRECT_BELOW_S):
            return False
        return self._sizes is None or self._sizes.usual((request,), request.rows)

    # Gathering and running

    def _gather(self) -> None:
        """Schedule a batch: when the loop has read what is readable, or at the end of `max_delay_ms`."""
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
        if not self._delay_s or self._to_bisect or self._closing or self._queue.rows >= self._max_rows:
            return 0.0
        oldest = self._queue.oldest()
        return oldest.submitted + self._delay_s - self._clock() if oldest else 0.0

    def _run(self) -> None:
        self._start = None
        if (batch := self._next_batch()) is None:
            return
        on_loop = self._is_cheap_on_loop(batch.rows) and self._is_usual(batch)
        run = self._run_on_loop if on_loop else self._run_in_worker
        run(batch)

    def _is_cheap_on_loop(self, rows: int) -> bool:
        return self._may_run_on_loop and self._loop_cost.of(rows) < INLINE_BELOW_S

    def _is_usual(self, batch: Batch) -> bool:
        return self._sizes is None or self._sizes.usual((each.request for each in batch.requests), batch.rows)

    def _next_batch(self) -> Batch | None:
        """The oldest requests that can share a batch, of those whose deadlines have not passed."""
        now = self._clock()
        expired = now - self._timeout_s
        late = self._queue.take_until(expired)
        requests: list[PendingRequest] = []
        while self._to_bisect and not requests:
            part = self._to_bisect.pop()
            late += [each for each in part if each.submitted <= expired]
            requests = [each for each in part if each.submitted > expired and each.complete is not None]
        if not requests:
            # No client waits for a batch that ends after its deadline, and the batch behind it would be late too.
            oldest = self._queue.oldest()
            left_s = self._timeout_s if oldest is None else oldest.submitted - expired
            requests = self._queue.take(self._admission.rows_within(min(self._timeout_s / 2, left_s)))
        self._singles = self._singles + 1 if len(requests) == 1 and not self._queue.count else 0
        batch = self._running = Batch(requests, now) if requests else None
        self._expire(late)  # only now that the batch is marked as running: a client may submit again from its callback
        return batch

    def _run_on_loop(self, batch: Batch) -> None:
        # Marked as running until its requests are complete: a client that submits again from its callback joins the queue
        # instead of the stack.
        self._running = batch
        batch.run(self._model, self._rowwise, self._clock, self._name)
        if batch.error is None:
            self._loop_cost.observe(batch.rows, batch.seconds)
        self._finish(batch)
        self._running = None
        if self._queue.count or self._to_bisect:
            self._gather()

    def _next_is_cheap_on_loop(self) -> bool:
        oldest = self._queue.oldest()
        if oldest is None or self._to_bisect:
            return False
        return self._is_cheap_on_loop(max(oldest.rows, min(self._queue.rows, self._max_rows)))

    def _run_in_worker(self, batch: Batch) -> None:
        loop, model, rowwise, clock, name = self._loop, self._model, self._rowwise, self._clock, self._name
        self._in_worker = batch

        def job() -> None:
            batch.run(model, rowwise, clock, name)
            try:
                loop.call_soon_threadsafe(self._on_worker_done, batch)
            except RuntimeError:
                log.debug("a batch ended after its event loop")

        self._worker.do(job)

    def _on_worker_done(self, batch: Batch) -> None:
        """Start the next batch before this one's responses are written: the model computes while the loop encodes."""
        if batch.error is not None:
            self._finish(batch)
        elif self._sizes is not None and batch.seconds < INLINE_BELOW_S:
            self._sizes.was_quick((each.request for each in batch.requests), batch.rows)
        self._running = self._in_worker = None
        self._loop_cost.forget()
        if self._queue.count or self._to_bisect:
            if self._delay_left_s() > 0 or self._next_is_cheap_on_loop():
                self._gather()
            elif (following := self._next_batch()) is not None:
                self._run_in_worker(following)
        if batch.error is None:
            self._finish(batch)

    # Completing

    def _finish(self, batch: Batch) -> None:
        self._recorder.batch_ended(batch.rows, batch.seconds)
        if batch.error is not None:
            self._fail(batch, batch.error)
            return
        self._cost.observe(batch.rows, batch.seconds)
        close = self.open_requests.close
        for pending, outputs in zip(batch.requests, batch.outputs, strict=True):
            close(pending, InferResponse(outputs, batch.rows, batch.started - pending.submitted, batch.seconds), batch)

    def _fail(self, batch: Batch, error: BaseException) -> None:
        """Find the request that the model fails on by bisection, so that the others succeed.

        One bad request of n costs 2 log2(n) more batches; n bad ones 2 n in all. Deadlines bound the time.
        """
        requests = [each for each in batch.requests if each.complete is not None]
        tried = len(batch.requests)  # one that was cancelled since may be the bad one
        if tried > 1 and not isinstance(error, RowsError):
            extra = {"requests": ids_of(requests)}
            name = type(error).__name__
            log.warning("the model failed on a batch of %d requests (%s): trying halves", tried, name, extra=extra)
            half = len(requests) // 2
            self._to_bisect += (requests[half:], requests[:half])
            return
        public = error if isinstance(error, ModelyardError) else InferenceFailed("the model failed on this request")
        if public is not error:
            extra = {"requests": ids_of(requests)}
            log.error("the model failed on %d requests, %d rows", tried, batch.rows, exc_info=error, extra=extra)
        for pending in requests:
            self.open_requests.close(pending, public, batch)

    def _started(self) -> Iterator[PendingRequest]:
        """Requests that have left the queue; closed ones are among them."""
        if self._running is not None:
            yield from self._running.requests
        for requests in self._to_bisect:
            yield from requests

    def _expire(self, requests: list[PendingRequest]) -> None:
        for pending in requests:
            self.open_requests.close(pending, DeadlineExceeded(f"no response within {self._timeout_s:g} s"))

    def _on_deadline(self) -> None:
        """Fail the requests whose deadlines have passed, queued or running, and set the timer for the next."""
        now = self._clock()
        expired = now - self._timeout_s
        running = [each for each in self._started() if each.submitted <= expired]
        self._expire([*self._queue.take_until(expired), *running])
        times = [each.submitted for each in (*self._queue, *self._started()) if each.complete is not None]
        self._deadline = None
        if times:
            wait_s = max(min(times) + self._timeout_s - now, TIMER_SLACK_S)
            self._deadline = self._loop.call_later(wait_s, self._on_deadline)

    def _drop(self, pending: PendingRequest) -> None:
        if pending.is_queued:
            self._queue.remove(pending)
        self.open_requests.close(pending, None)


def _ignore(pending: PendingRequest) -> None:
    """A request that is cancelled after the scheduler was closed, which has completed it."""
