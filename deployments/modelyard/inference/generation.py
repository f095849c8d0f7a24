"""Answers that come in parts: requests to a model that generates, one step of it at a time.

A step is computed when whoever receives the parts asks for it, so a client that reads slowly costs no memory, and one that left
costs one step at most. Steps run in the model's worker, in the order in which they are asked for: requests take turns.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from modelyard.config.model_spec import Limits
from modelyard.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, ModelyardError, Overloaded
from modelyard.inference.batch import Batch, check_rows
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.pending_request import Done, InferResponse, PendingRequest
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.running_requests import RUNNING, ids_of
from modelyard.inference.worker import Worker
from modelyard.runtimes.base import GeneratingModel
from modelyard.tensors import InferRequest, Tensors

Part = Callable[[Tensors], None]
"""Gets each partial result, on the loop. What it raises fails the request: the part could not be written."""

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
    ) -> None:
        self.model = model
        self.worker = worker
        self.open_requests = open_requests
        self.recorder = recorder
        """Is told of every step; of requests, those of their contexts are."""
        self.rowwise = model.signature.rowwise
        self.loop = loop
        self.clock = clock
        self.open: set[Generation] = set()
        self.step_began: float | None = None
        """When the step began that the worker is in. Written there, read on the loop."""
        self.closing = False
        """Whether no more are taken on."""
        self.limits = limits

    def begin(
        self, request: InferRequest, part: Part, done: Done, context: RequestContext, timeout_s: float | None = None
    ) -> "Generation":
        """Take a request on. Each `go_on` of what is given back leads to one call of `part`, or to the only one of `done`, with an
        error, or with an InferResponse of no outputs behind the last part.

        Each part comes within the model's time-out, or `timeout_s` where that is shorter. Raises Overloaded when as many are open
        as the queue may hold, and ModelNotReady when the server drains or is closed.
        """
        context.rows = request.rows
        if self.closing:
            raise self.open_requests.refuse(context, ModelNotReady("the model is shutting down"))
        if len(self.open) >= self.limits.queue:
            raise self.open_requests.refuse(
                context, Overloaded(f"{len(self.open)} answers are being generated already")
            )
        limit_s = min(timeout_s or self.limits.timeout_s, self.limits.timeout_s)
        generation = Generation(self, request, part, done, context=context, timeout_s=limit_s)
        self.open_requests.open += 1
        self.open.add(generation)
        return generation

    def stuck_s(self) -> float:
        """Seconds since the running step began; 0 when none runs."""
        began = self.step_began
        return 0.0 if began is None else self.clock() - began

    def close(self) -> None:
        """Take no more on, and answer the open ones with ModelNotReady."""
        self.closing = True
        for generation in [*self.open]:
            generation.end(ModelNotReady("the model was shut down before it was done"))


class Generation:
    """One such request. Nothing is computed until `go_on`, which is called once for each part and once for the end."""

    def __init__(
        self,
        all_: Generations,
        request: InferRequest,
        part: Part,
        done: Done,
        *,
        context: RequestContext,
        timeout_s: float,
    ) -> None:
        self._all = all_
        self._part = part
        self._timeout_s = timeout_s
        self._ticket = PendingRequest(request, done, all_.clock(), lambda ticket: self.end(None), context)
        self._call: Batch | None = None
        """From the first step to the last, for those who record it."""
        self._steps: Iterator[Tensors] | None = None  # the worker's alone
        self._started = False
        self._timer: asyncio.TimerHandle | None = None
        """Of the step that is asked for and not there yet."""

    def go_on(self) -> None:
        """Compute the next part, for which the model's time-out holds. Does nothing while one is computed, or after the end."""
        if self._ticket.done is None or self._timer is not None:
            return
        self._started = True
        self._timer = self._all.loop.call_later(self._timeout_s, self._too_late)
        self._all.worker.do(self._step)

    def cancel(self) -> None:
        """The client went away: a step that runs is the last one, and nobody hears of it."""
        self._ticket.cancel()

    def end(self, result: InferResponse | ModelyardError | None) -> None:
        """Close the request, if it is not, with this result (None: nobody waits for one)."""
        if self._ticket.done is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._all.open.discard(self)
        if self._started:
            self._all.worker.do(self._shut)  # behind a step that may be under way
        self._all.open_requests.close(self._ticket, result, self._call)

    # In the worker

    def _step(self) -> None:
        if self._ticket.done is None:
            return  # cancelled while it waited for the model
        all_, request = self._all, self._ticket.request
        got: Tensors | BaseException | None
        all_.step_began = began = all_.clock()
        RUNNING.begin((self._ticket,))
        try:
            if self._steps is None:
                self._steps = iter(all_.model.generate(request.inputs, request.outputs))
            got = next(self._steps, None)
            if got is not None and all_.rowwise:
                check_rows(got, request.outputs, request.rows)
        except BaseException as error:  # noqa: BLE001 - a model that calls sys.exit() must not end the thread
            got = error
        RUNNING.end()
        all_.step_began = None
        try:
            all_.loop.call_soon_threadsafe(self._stepped, got, began, all_.clock() - began)
        except RuntimeError:
            log.debug("a step of the model ended after its event loop")

    def _shut(self) -> None:
        steps, self._steps = self._steps, None
        try:
            if steps is not None and hasattr(steps, "close"):
                steps.close()
        except BaseException:  # the same; nobody waits for this request any more
            log.exception("a model failed while its generation was ended early")

    # On the loop again

    def _stepped(self, got: Tensors | BaseException | None, began: float, seconds: float) -> None:
        self._call = self._call or Batch([self._ticket], began)
        self._call.seconds += seconds
        if got is not None:
            self._all.recorder.called(self._ticket.rows, seconds)
        if self._ticket.done is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if got is None:
            waited_s = self._call.started - self._ticket.submitted
            self.end(InferResponse({}, self._call.rows, waited_s, self._call.seconds))
        elif isinstance(got, BaseException):
            self._failed(got)
        else:
            try:
                self._part(got)
            except Exception as error:  # noqa: BLE001 - a part that cannot be written is this request's alone
                self._failed(error)

    def _failed(self, error: BaseException) -> None:
        shown = error if isinstance(error, ModelyardError) else InferenceFailed("the model failed on this request")
        if shown is not error:
            about = {"requests": ids_of((self._ticket,))}
            log.error("the model failed while it generated", exc_info=error, extra=about)
        self.end(shown)

    def _too_late(self) -> None:
        self.end(DeadlineExceeded(f"no further part within {self._timeout_s:g} s"))
