"""Replacements for what unit tests must not use: real models, real time, and a running event loop."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np

from modelyard.inference.recorder import UNRECORDED, RequestContext
from modelyard.tensors import FREE, InferRequest, Signature, Tensors, TensorSpec

PATIENCE_S = 10
"""How long a test waits for another thread before it fails; far longer than any of them takes."""

DOUBLER = Signature(
    inputs=(TensorSpec("x", "FP32", (FREE, 1)),),
    outputs=(TensorSpec("y", "FP32", (FREE, 1)),),
)
"""One column in, one column out."""


class FakeClock:
    """A monotonic clock that only tests advance. Call it for the time in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeModel:
    """A loaded model that doubles its input.

    `call` replaces the doubling. `seconds(rows)` is the duration of a call on the fake clock; `burn_s` is
    its real CPU time. With `hold()` the calls stop in `predict` until `release()`, and `entered()` waits for one to begin.
    """

    def __init__(
        self,
        call: Callable[[Tensors], Tensors] | None = None,
        *,
        signature: Signature = DOUBLER,
        example: Tensors | None = None,
        clock: FakeClock | None = None,
        seconds: Callable[[int], float] = lambda rows: 0.0,
        burn_s: float = 0.0,
    ) -> None:
        self.signature = signature
        self.example: Tensors = {"x": np.array([[1], [2]], np.float32)} if example is None else example
        self.notes: tuple[str, ...] = ()
        self.loop_safe = True
        self.calls: list[Tensors] = []
        """The inputs of each call so far."""
        self.threads: set[str] = set()
        """Names of the threads that called."""
        self._call = call or (lambda inputs: {"y": inputs["x"] * 2})
        self._clock = clock
        self._seconds = seconds
        self._burn_s = burn_s
        self._gate = threading.Event()
        self._gate.set()
        self._entered = threading.Semaphore(0)
        self._running = threading.Lock()

    @property
    def batches(self) -> list[int]:
        """The rows of each call so far."""
        return [len(next(iter(inputs.values()))) for inputs in self.calls]

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        assert self._running.acquire(blocking=False), "a model is called by one thread at a time"
        try:
            self.calls.append(inputs)
            self.threads.add(threading.current_thread().name)
            self._entered.release()
            assert self._gate.wait(PATIENCE_S), "the test never released the model"
            if self._clock is not None:
                self._clock.advance(self._seconds(self.batches[-1]))
            if self._burn_s:
                until = time.perf_counter() + self._burn_s
                while time.perf_counter() < until:
                    pass
            got = self._call(inputs)
            return {name: got[name] for name in outputs}
        finally:
            self._running.release()

    def hold(self) -> None:
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def entered(self) -> None:
        """Return once a call has begun that no earlier `entered()` has seen."""
        assert self._entered.acquire(timeout=PATIENCE_S), "the model was not called"


class FakeHandle:
    """The handle of a callback scheduled on FakeLoop."""

    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when = when
        self._callback = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled

    def run(self) -> None:
        if not self._cancelled:
            self._callback(*self._args)


class FakeLoop(asyncio.AbstractEventLoop):
    """The callback part of an event loop, which tests run step by step, with timers on a FakeClock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._ready: deque[FakeHandle] = deque()
        self.timers: list[FakeHandle] = []
        """Scheduled timers, unordered."""
        self._from_threads: SimpleQueue[FakeHandle] = SimpleQueue()

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = FakeHandle(self._clock(), callback, args)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = FakeHandle(self._clock() + delay, callback, args)
        self.timers.append(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        handle = FakeHandle(self._clock(), callback, args)
        self._from_threads.put(handle)
        return handle

    @property
    def idle(self) -> bool:
        """Whether a real loop would now wait for its sockets and timers."""
        return not self._ready

    def turn(self) -> None:
        """One iteration: run due timers, and the callbacks that were ready when it began."""
        self.timers = [timer for timer in self.timers if not timer.cancelled()]
        due = sorted((timer for timer in self.timers if timer.when <= self._clock()), key=lambda timer: timer.when)
        self.timers = [timer for timer in self.timers if timer not in due]
        ready = [*due, *self._ready]
        self._ready.clear()
        for handle in ready:
            handle.run()

    def turn_without_timers(self) -> None:
        """An iteration of a loop that was blocked: ready callbacks run, though timers are due."""
        ready = [*self._ready]
        self._ready.clear()
        for handle in ready:
            handle.run()

    def settle(self) -> None:
        """Run iterations until nothing is ready."""
        while self._ready or any(timer.when <= self._clock() for timer in self.timers if not timer.cancelled()):
            self.turn()

    def turn_with_thread(self) -> None:
        """Wait for one callback from another thread, run it, and settle."""
        self._from_threads.get(timeout=PATIENCE_S).run()
        self.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each timer on the way."""
        self.settle()
        until = self._clock() + seconds
        while True:
            waiting = [timer.when for timer in self.timers if not timer.cancelled() and timer.when <= until]
            if not waiting:
                break
            self._clock.now = max(self._clock.now, min(waiting))
            self.settle()
        self._clock.now = until
        self.settle()


def request_of(*values: float, outputs: tuple[str, ...] = ("y",)) -> InferRequest:
    """A request for DOUBLER, one row per value."""
    return InferRequest({"x": np.array(values, np.float32).reshape(-1, 1)}, len(values), outputs)


def unrecorded() -> RequestContext:
    """A context without a recorder."""
    return RequestContext(UNRECORDED, 0.0, "", 0)


class FakeGenerator(FakeModel):
    """A FakeModel that generates one, two, three times its prediction, up to `parts`, or until `call` raises."""

    def __init__(self, parts: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.parts = parts
        self.ended: list[int] = []
        """For each ended generation, complete or not, the number of its parts."""

    def generate(self, inputs: Tensors, outputs: Sequence[str]) -> Iterator[Tensors]:
        given = 0
        try:
            for number in range(1, self.parts + 1):
                given = number
                yield self.predict({"x": inputs["x"] * number}, outputs)
        finally:
            self.ended.append(given)
