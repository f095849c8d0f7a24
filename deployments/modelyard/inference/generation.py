"""Responses in parts: requests to a model that generates, one step at a time.

A step is computed when the receiver of the parts asks for it, so a slow reader costs no memory, and a client that disconnected
costs at most one step. Steps run in the model's worker in the order in which they are requested: requests take turns.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from modelyard.config.model_spec import Limits
from modelyard.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, ModelyardError, Overloaded
from modelyard.inference.batch import Batch, check_rows
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.pending_request import Complete, InferResponse, PendingRequest
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.running_requests import RUNNING, ids_of
from modelyard.inference.worker import Worker
from modelyard.runtimes.base import GeneratingModel
from modelyard.tensors import InferRequest, Tensors

OnPart = Callable[[Tensors], None]
"""Receives each part on the event loop. An error that it raises fails the request: the part could not be written."""

log = logging.getLogger(__name__)


class Generations:
    """The requests of one model that are answered in parts."""

    def __init__(
        self,
        model: GeneratingModel,
        worker: Worker,
        open_requests: OpenRequests,
        recorder: Recorder,
        *,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        name: str = "",
    ) -> None:
        self.model = model
        self.name = name
        self.worker = worker
        self.open_requests = open_requests
        self.recorder = recorder
        """Records every step; the recorder of a request is in its context."""
        self.rowwise = model.signature.rowwise
        self.loop = loop
        self.clock = clock
        self.open: set[Generation] = set()
        self.step_began: float | None = None
        """When the step began that the worker runs. Written there, read on the loop."""
        self.closing = False
        """Whether requests are rejected."""
        self.closed = False
        self.limits = limits
        """Of requests from now on."""

    def begin(
        self, request: InferRequest, on_part: OnPart, complete: Complete, context: RequestContext
    ) -> "Generation":
        """Accept a request. Each `go_on` of the result leads to one call of `on_part`, or to the only one of `complete`: with an
        error, or with an InferResponse without outputs behind the last part.

        Each part has the model's timeout, or `context.timeout_s` where that is shorter. Raises Overloaded when as many are open
        as the queue may hold, and ModelNotReady when the scheduler drains or is closed.
        """
        context.rows = request.rows
        if self.closing:
            raise self.open_requests.reject(context, ModelNotReady("the model is shutting down"))
        if len(self.open) >= self.limits.queue:
            error = Overloaded(f"{len(self.open)} responses are being generated, as many as the queue may hold")
            raise self.open_requests.reject(context, error)
        timeout_s = min(context.timeout_s or self.limits.timeout_s, self.limits.timeout_s)
        generation = Generation(self, request, on_part, complete, context=context, timeout_s=timeout_s)
        self.open_requests.count += 1
        self.open.add(generation)
        return generation

    def stuck_s(self) -> float:
        """Seconds since the running step began; 0 when none runs."""
        began = self.step_began
        return 0.0 if began is None else self.clock() - began

    def close(self) -> None:
        """Reject new requests, and fail the open ones with ModelNotReady."""
        if self.closed:
            return
        self.closing = self.closed = True
        for generation in [*self.open]:
            generation.end(ModelNotReady("the model was shut down before it had responded in full"))
        del self.model  # its memory is freed even if something still refers to the scheduler


class Generation:
    """One such request. Nothing is computed until `go_on`, which is called once for each part and once for the end."""

    def __init__(
        self,
        owner: Generations,
        request: InferRequest,
        on_part: OnPart,
        complete: Complete,
        *,
        context: RequestContext,
        timeout_s: float,
    ) -> None:
        self._owner = owner
        self._on_part = on_part
        self._timeout_s = timeout_s
        self._pending = PendingRequest(request, complete, owner.clock(), lambda _: self.end(None), context)
        self._batch: Batch | None = None
        """From the first step to the last, for the recorder."""
        self._steps: Iterator[Tensors] | None = None  # used by the worker alone
        self._started = False
        self._timer: asyncio.TimerHandle | None = None
        """Of the step that is requested and has not ended."""

    def go_on(self) -> None:
        """Compute the next part within the timeout. Does nothing while one is computed, or after the end."""
        if self._pending.complete is None or self._timer is not None:
            return
        self._started = True
        self._timer = self._owner.loop.call_later(self._timeout_s, self._on_timeout)
        self._owner.worker.do(self._step)

    def cancel(self) -> None:
        """The client has disconnected: a step that runs is the last one, and its part is dropped."""
        self._pending.cancel()

    def end(self, result: InferResponse | ModelyardError | None) -> None:
        """Close the request, if it is open, with this result (None where the client has disconnected)."""
        if self._pending.complete is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._owner.open.discard(self)
        if self._started:
            self._owner.worker.do(self._close_steps)  # behind a step that may be running
        self._owner.open_requests.close(self._pending, result, self._batch)

    # In the worker

    def _step(self) -> None:
        if self._pending.complete is None:
            return  # cancelled while it waited for the model
        owner, request = self._owner, self._pending.request
        part: Tensors | BaseException | None
        owner.step_began = began = owner.clock()
        RUNNING.begin((self._pending,), owner.name)
        try:
            if self._steps is None:
                self._steps = iter(owner.model.generate(request.inputs, request.outputs))
            part = next(self._steps, None)
            if part is not None and owner.rowwise:
                check_rows(part, request.outputs, request.rows)
        except BaseException as error:  # noqa: BLE001 - a model that calls sys.exit() must not end the thread
            part = error
        RUNNING.end()
        owner.step_began = None
        try:
            owner.loop.call_soon_threadsafe(self._on_step, part, began, owner.clock() - began)
        except RuntimeError:
            log.debug("a step of the model ended after its event loop")

    def _close_steps(self) -> None:
        steps, self._steps = self._steps, None
        try:
            if steps is not None and hasattr(steps, "close"):
                steps.close()
        except BaseException:  # as above; the request has ended already
            log.exception("a model failed when its generation was ended early")

    # On the loop again

    def _on_step(self, part: Tensors | BaseException | None, began: float, seconds: float) -> None:
        self._batch = self._batch or Batch([self._pending], began)
        self._batch.seconds += seconds
        if part is not None:
            self._owner.recorder.batch_ended(self._pending.rows, seconds)
        if self._pending.complete is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if part is None:
            queue_s = self._batch.started - self._pending.submitted
            self.end(InferResponse({}, self._batch.rows, queue_s, self._batch.seconds))
        elif isinstance(part, BaseException):
            self._fail(part)
        else:
            try:
                self._on_part(part)
            except Exception as error:  # noqa: BLE001 - a part that cannot be encoded is this request's error alone
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        public = error if isinstance(error, ModelyardError) else InferenceFailed("the model failed on this request")
        if public is not error:
            extra = {"requests": ids_of((self._pending,))}
            log.error("the model failed while it generated", exc_info=error, extra=extra)
        self.end(public)

    def _on_timeout(self) -> None:
        self.end(DeadlineExceeded(f"no further part within {self._timeout_s:g} s"))
