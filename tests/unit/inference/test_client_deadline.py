"""The deadline of a request itself, in front of a service with a longer timeout."""

import pytest

from modelyard.errors import DeadlineExceeded, ModelyardError, Overloaded
from modelyard.inference.deadline import DeadlineLayer
from modelyard.inference.pending_request import Complete, InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.tensors import InferRequest
from tests.fakes import FakeClock, FakeLoop, request_of, unrecorded

LIMIT_S = 10.0
RESPONSE = InferResponse({}, 1, 0.0, 0.0)
Result = InferResponse | ModelyardError


class Inner:
    """A service whose test completes its one request."""

    def __init__(self, at_once: Result | None = None) -> None:
        self.at_once = at_once
        self.cancelled = 0
        self.submitted: tuple[InferRequest, RequestContext] | None = None
        self.complete: Complete | None = None

    def submit(self, request: InferRequest, context: RequestContext, complete: Complete) -> "Inner":
        self.submitted = request, context
        self.complete = complete
        if self.at_once is not None:
            complete(self.at_once)
        return self

    def cancel(self) -> None:
        self.cancelled += 1
        self.complete = None


class Bench:
    """The layer in front of `inner`, and the results that a client got."""

    def __init__(self, timeout_s: float | None, inner: Inner) -> None:
        self.inner = inner
        self.loop = FakeLoop(FakeClock())
        self.results: list[Result] = []
        self.not_written: Exception | None = None
        self.request, self.context = request_of(1), unrecorded()
        self.context.timeout_s = timeout_s
        layer = DeadlineLayer(inner, timeout_s=LIMIT_S, loop=self.loop)
        self.handle = layer.submit(self.request, self.context, self._complete)

    def _complete(self, result: Result) -> Exception | None:
        self.results.append(result)
        return self.not_written

    @property
    def timers(self) -> int:
        return len([timer for timer in self.loop.timers if not timer.cancelled()])


@pytest.mark.parametrize("timeout_s", [None, LIMIT_S, LIMIT_S + 1])
def test_a_request_that_allows_as_long_as_the_service_needs_no_timer(timeout_s: float | None) -> None:
    bench = Bench(timeout_s, Inner())
    assert bench.handle is bench.inner
    assert bench.loop.timers == []


def test_the_service_gets_the_request_as_it_is() -> None:
    for timeout_s in (None, 1.0):
        bench = Bench(timeout_s, Inner())
        assert bench.inner.submitted == (bench.request, bench.context)


@pytest.mark.parametrize("timeout_s", [0.25, 3.0, LIMIT_S - 0.001])
def test_a_request_ends_when_its_own_time_is_over(timeout_s: float) -> None:
    bench = Bench(timeout_s, Inner())
    bench.loop.advance(timeout_s - 0.0005)
    assert (bench.results, bench.inner.cancelled) == ([], 0)
    bench.loop.advance(0.001)
    [error] = bench.results
    assert isinstance(error, DeadlineExceeded)
    assert error.message == f"no response within {timeout_s:g} s, the timeout of the request"
    assert bench.inner.cancelled == 1, "its batch need not run"
    bench.loop.advance(LIMIT_S)
    assert len(bench.results) == 1


@pytest.mark.parametrize("result", [RESPONSE, Overloaded("full")])
def test_a_result_in_time_is_passed_on_and_stops_the_timer(result: Result) -> None:
    bench = Bench(1.0, Inner())
    assert bench.timers == 1
    assert bench.inner.complete is not None
    assert bench.inner.complete(result) is None
    assert (bench.results, bench.timers) == ([result], 0)
    bench.loop.advance(LIMIT_S)
    assert (bench.results, bench.inner.cancelled) == ([result], 0)


def test_a_result_that_comes_while_the_request_is_submitted_starts_no_timer() -> None:
    bench = Bench(1.0, Inner(at_once=RESPONSE))
    assert (bench.results, bench.loop.timers) == ([RESPONSE], [])


def test_the_reason_why_a_response_was_not_written_is_returned_to_the_service() -> None:
    bench = Bench(1.0, Inner())
    bench.not_written = ConnectionResetError()
    assert bench.inner.complete is not None
    assert bench.inner.complete(RESPONSE) is bench.not_written


@pytest.mark.parametrize("at_once", [None, RESPONSE])
def test_a_client_that_disconnects_cancels_the_request_and_its_timer(at_once: Result | None) -> None:
    bench = Bench(1.0, Inner(at_once))
    before = list(bench.results)
    bench.handle.cancel()
    assert (bench.inner.cancelled, bench.timers) == (1, 0)
    bench.loop.advance(LIMIT_S)
    assert bench.results == before


class Rejecting(Inner):
    """A service whose queue is full."""

    def submit(self, request: InferRequest, context: RequestContext, complete: Complete) -> "Inner":
        raise Overloaded("the queue is full")


def test_a_rejected_request_is_rejected_by_the_layer_too() -> None:
    loop, context = FakeLoop(FakeClock()), unrecorded()
    context.timeout_s = 1.0
    with pytest.raises(Overloaded):
        DeadlineLayer(Rejecting(), timeout_s=LIMIT_S, loop=loop).submit(request_of(1), context, lambda result: None)
    assert loop.timers == []
