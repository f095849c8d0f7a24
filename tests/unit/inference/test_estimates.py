"""The estimated time of a batch and of a request, and which requests are accepted by it."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest

from modelyard.inference.admission import ADMITTED_SHARE, MAX_RETRY_AFTER_S, Admission
from modelyard.inference.batch import Batch
from modelyard.inference.cost import GAIN_DOWN, GAIN_UP, MAX_RATIO, BatchCost
from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.queue import RequestQueue


@dataclass
class Waiting:
    """The part of a queue that Admission reads."""

    count: int = 0
    rows: int = 0


def admission(
    waiting: Waiting, cost: BatchCost, *, max_queued: int = 100, timeout_s: float = 10.0, max_rows: int = 64
) -> Admission:
    queue = cast(RequestQueue, waiting)
    made = Admission(queue, cost)
    made.configure(max_queued=max_queued, timeout_s=timeout_s, max_rows=max_rows)
    return made


def batch(rows: int) -> Batch:
    return Batch([cast(PendingRequest, SimpleNamespace(rows=rows))], 0.0)


ONE_SECOND = BatchCost(1.0, 0.0)
"""The same for any number of rows."""


@pytest.mark.parametrize(("count", "full"), [(0, False), (2, False), (3, True), (4, True)])
def test_a_queue_is_full_at_its_limit(count: int, full: bool) -> None:
    room = admission(Waiting(count, count), ONE_SECOND, max_queued=3)
    assert room.is_full() is full
    assert room.reason_to_reject(1, None, 0.0) == (f"the queue is full: {count} requests are waiting" if full else "")


@pytest.mark.parametrize(
    ("rows", "waiting", "running", "expected"),
    [
        (0, Waiting(), None, 0.0),
        (1, Waiting(), None, 1.1),
        (3, Waiting(), None, 1.3),
        (1, Waiting(2, 5), None, 1.6),  # one batch of six rows
        (1, Waiting(2, 9), None, 2.0),  # ten rows fill one batch
        (1, Waiting(3, 10), None, 3.1),  # eleven need a second
        (0, Waiting(3, 10), None, 2.0),
        (1, Waiting(), (4, 0.0), 1.4 + 1.1),
        (1, Waiting(), (4, 0.4), 1.0 + 1.1),
        (1, Waiting(), (4, 1.4), 1.4 + 1.1),  # late: as long again
        (1, Waiting(), (4, 3.0), 3.0 + 1.1),
        (0, Waiting(), (4, 0.4), 1.0),
    ],
)
def test_a_response_takes_what_runs_and_the_batches_of_the_queue(
    rows: int, waiting: Waiting, running: tuple[int, float] | None, expected: float
) -> None:
    now, running_s = (batch(running[0]), running[1]) if running else (None, 0.0)
    estimated = admission(waiting, BatchCost(1.0, 0.1), max_rows=10, timeout_s=100.0)
    assert estimated.response_s(rows, now, running_s) == pytest.approx(expected)


def test_requests_that_share_no_batch_cost_one_each() -> None:
    alone = admission(Waiting(3, 6), BatchCost(1.0, 0.1), max_rows=0)
    assert alone.response_s(2, None, 0.0) == pytest.approx(4 * 1.0 + 8 * 0.1)
    assert alone.response_s(0, None, 0.0) == pytest.approx(3 * 1.0 + 6 * 0.1)


def test_no_more_batches_than_requests_are_expected() -> None:
    assert admission(Waiting(1, 30), BatchCost(1.0, 0.0), max_rows=10).response_s(1, None, 0.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("seconds", "rows"), [(0.0, 1), (1.05, 1), (1.1, 1), (1.25, 2), (1.55, 5), (1.95, 9), (2.05, 10), (99.0, 10)]
)
def test_a_batch_holds_the_rows_that_a_time_allows(seconds: float, rows: int) -> None:
    assert admission(Waiting(), BatchCost(1.0, 0.1), max_rows=10).rows_within(seconds) == rows


def test_a_batch_is_expected_to_take_at_most_half_of_the_time_limit() -> None:
    cost = BatchCost(1.0, 0.1)
    assert cost.rows_within(2.05) == pytest.approx(10.5)
    half = admission(Waiting(40, 40), cost, timeout_s=4.1, max_rows=64)
    assert half.response_s(0, None, 0.0) == pytest.approx(4 * 1.0 + 40 * 0.1), "four batches of ten rows"


@pytest.mark.parametrize(
    ("running_s", "accepted"), [(0.0, True), (2.0, True), (6.99, True), (7.01, False), (20.0, False)]
)
def test_a_request_is_accepted_while_its_estimate_is_within_the_share_of_the_limit(
    running_s: float, accepted: bool
) -> None:
    reason = admission(Waiting(), ONE_SECOND).reason_to_reject(1, batch(1), running_s)
    assert reason == ("" if accepted else "the queued requests already need as long as the timeout allows")


def test_an_estimate_of_exactly_the_share_is_accepted() -> None:
    limit_s = 10.0
    assert ADMITTED_SHARE * limit_s == 8.0
    exact = admission(Waiting(), BatchCost(4.0, 0.0), timeout_s=limit_s)
    assert exact.response_s(1, batch(1), 0.0) == 8.0
    assert exact.reason_to_reject(1, batch(1), 0.0) == ""


def test_without_a_running_batch_only_a_full_queue_rejects() -> None:
    assert admission(Waiting(5, 5), BatchCost(1000.0, 0.0)).reason_to_reject(1, None, 0.0) == ""


@pytest.mark.parametrize(
    ("waiting", "running_s", "seconds"),
    [
        (Waiting(), 0.0, 1),
        (Waiting(), 0.9, 1),
        (Waiting(1, 1), 0.5, 2),
        (Waiting(1, 1), 8.5, 10),
        (Waiting(), 99.0, 30),
    ],
)
def test_a_rejected_request_may_come_back_when_the_queue_is_done(
    waiting: Waiting, running_s: float, seconds: int
) -> None:
    assert admission(waiting, ONE_SECOND).retry_after_s(batch(1), running_s) == seconds <= MAX_RETRY_AFTER_S


def test_an_idle_model_with_an_empty_queue_may_be_tried_after_a_second() -> None:
    assert admission(Waiting(), ONE_SECOND).retry_after_s(None, 0.0) == 1


def test_a_slow_batch_moves_the_estimate_by_half_and_a_fast_one_by_a_twentieth() -> None:
    cost = BatchCost(1.0, 0.0)
    cost.observe(1, 3.0)
    assert cost.of(1) == pytest.approx(1.0 + GAIN_UP * 2.0)
    cost = BatchCost(1.0, 0.0)
    cost.observe(1, 0.4)
    assert cost.of(1) == pytest.approx(1.0 - GAIN_DOWN * 0.6)


def test_one_batch_counts_as_at_most_eight_times_the_estimate() -> None:
    cost = BatchCost(1.0, 0.0)
    for scale in (1.0, 4.5):
        assert cost.of(1) == pytest.approx(scale)
        cost.observe(1, 1e6)
    assert cost.of(1) == pytest.approx(4.5 + GAIN_UP * (MAX_RATIO - 1) * 4.5)


def test_a_batch_is_compared_with_the_estimate_for_its_own_rows() -> None:
    cost = BatchCost(1.0, 0.5)
    cost.observe(4, 3.0)
    assert cost.of(4) == pytest.approx(3.0)
    assert cost.of(2, batches=3) == pytest.approx(4.0)


@pytest.mark.parametrize("observed_s", [5.0, 0.2])
def test_an_old_estimate_moves_back_to_what_warm_up_measured(observed_s: float) -> None:
    cost = BatchCost(1.0, 0.0)
    cost.observe(1, observed_s)
    before = cost.of(1)
    cost.forget()
    assert cost.of(1) == pytest.approx(before + GAIN_DOWN * (1.0 - before))
    for _ in range(400):
        cost.forget()
    assert cost.of(1) == pytest.approx(1.0)


def test_a_measured_cost_below_zero_counts_as_none() -> None:
    cost = BatchCost(-1.0, -0.5)
    assert cost.of(1000) == cost.of(1) > 0
    assert cost.rows_within(1.0) == float("inf")
