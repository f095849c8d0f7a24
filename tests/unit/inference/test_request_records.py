"""What is recorded of a request, its duration included."""

from typing import Any

import numpy as np
import pytest

from modelyard.errors import Overloaded
from modelyard.inference.batch import Batch
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.recorder import RequestContext
from modelyard.tensors import InferRequest
from tests.fakes import FakeClock


class Recorder:
    """Stores every call."""

    def __init__(self) -> None:
        self.ended: list[tuple[Any, ...]] = []
        self.rejected: list[tuple[Any, ...]] = []

    def request_ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, batch: Batch | None
    ) -> None:
        self.ended.append((context, outcome, total_s, queue_s, batch))

    def request_rejected(self, context: RequestContext, outcome: str, total_s: float) -> None:
        self.rejected.append((context, outcome, total_s))

    def batch_ended(self, rows: int, seconds: float) -> None:
        raise AssertionError


class Bench:
    """Requests that arrive at 10 s, are submitted at 11 s, and end when the test ends them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.clock.now = 10.0
        self.recorder = Recorder()
        self.open = OpenRequests(self.clock)
        self.context = self.open.context(self.recorder)
        self.results: list[object] = []

    def pending(self) -> PendingRequest:
        request = InferRequest({"x": np.zeros((2, 1))}, 2, ("y",))
        self.open.count += 1
        return PendingRequest(request, self.results.append, 11.0, lambda pending: None, self.context)


def test_a_request_is_known_from_its_arrival_on():
    bench = Bench()
    assert bench.context == RequestContext(bench.recorder, 10.0, "", 0, 0, ())
    headers = [(b"traceparent", b"00")]
    context = bench.open.context(bench.recorder, "id", 7, headers)
    assert context == RequestContext(bench.recorder, 10.0, "id", 7, 0, headers)


def test_a_response_is_recorded_with_its_batch_and_its_times():
    bench = Bench()
    pending, response = bench.pending(), InferResponse({}, 2, 0.0, 0.0)
    batch = Batch([pending], 13.5)
    bench.clock.now = 17.0
    bench.open.close(pending, response, batch)
    assert bench.recorder.ended == [(bench.context, "OK", 7.0, 2.5, batch)]
    assert (bench.results, bench.open.count) == ([response], 0)
    bench.open.close(pending, response, batch)
    assert (len(bench.recorder.ended), len(bench.results), bench.open.count) == (1, 1, 0)


@pytest.mark.parametrize(("result", "outcome"), [(Overloaded("full"), "Overloaded"), (None, "Cancelled")])
def test_a_request_that_no_batch_decided_was_queued_to_its_end(result: Overloaded | None, outcome: str):
    bench = Bench()
    bench.clock.now = 17.0
    bench.open.close(bench.pending(), result)
    assert bench.recorder.ended == [(bench.context, outcome, 7.0, 6.0, None)]
    assert bench.results == ([] if result is None else [result])


def test_a_rejected_and_an_abandoned_request_are_recorded_with_their_time():
    bench = Bench()
    error = Overloaded("full")
    bench.clock.now = 12.0
    assert bench.open.reject(bench.context, error) is error
    bench.clock.now = 14.5
    bench.open.abandon(bench.context)
    assert bench.recorder.rejected == [(bench.context, "Overloaded", 2.0), (bench.context, "Cancelled", 4.5)]
