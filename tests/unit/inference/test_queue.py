"""The line keeps its order and its counts, whoever leaves it."""

import numpy as np

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.queue import LOOK_AHEAD, RequestQueue
from modelyard.inference.recorder import UNRECORDED, RequestContext
from modelyard.tensors import InferRequest


def ticket(width: int = 1, rows: int = 1, submitted: float = 0.0) -> PendingRequest:
    request = InferRequest({"x": np.zeros((rows, width))}, rows, ("y",))
    return PendingRequest(
        request, lambda result: None, submitted, lambda ticket: None, RequestContext(UNRECORDED, submitted, "", 0)
    )


def line_of(*tickets: PendingRequest) -> RequestQueue:
    line = RequestQueue()
    for one in tickets:
        line.add(one)
    return line


def test_an_empty_line_gives_nothing() -> None:
    assert RequestQueue().take(8) == []
    assert RequestQueue().oldest() is None


def test_taking_counts_requests_and_rows() -> None:
    line = line_of(ticket(rows=2), ticket(rows=3), ticket(rows=4))
    assert [one.rows for one in line.take(5)] == [2, 3]
    assert (line.count, line.rows) == (1, 4)


def test_those_who_left_are_met_nowhere() -> None:
    tickets = [ticket() for _ in range(5)]
    line = line_of(*tickets)
    for place in (0, 2, 4):
        line.remove(tickets[place])
    assert (line.count, line.rows) == (2, 2)
    assert list(line) == [tickets[1], tickets[3]]
    assert line.oldest() is tickets[1]
    assert line.take(8) == [tickets[1], tickets[3]]
    assert line.take(8) == []


def test_husks_are_cleared_away_and_the_order_stays() -> None:
    tickets = [ticket() for _ in range(500)]
    line = line_of(*tickets)
    kept = tickets[::100]
    for one in tickets:
        if one not in kept:
            line.remove(one)
    assert len(line._requests) < 100
    assert list(line) == kept


def test_everyone_up_to_a_time_leaves() -> None:
    tickets = [ticket(submitted=time) for time in (1.0, 2.0, 3.0)]
    line = line_of(*tickets)
    assert line.take_until(2.0) == tickets[:2]
    assert line.take_until(2.0) == []
    assert line.count == 1


def test_the_unlike_keep_their_places() -> None:
    tickets = [ticket(width) for width in (1, 2, 1, 3, 2)]
    line = line_of(*tickets)
    assert line.take(8) == [tickets[0], tickets[2]]
    assert list(line) == [tickets[1], tickets[3], tickets[4]]


def test_the_search_for_more_of_a_kind_is_bounded() -> None:
    others = [ticket(2) for _ in range(LOOK_AHEAD)]
    first, far = ticket(1), ticket(1)
    line = line_of(first, *others, far)
    assert line.take(8) == [first]
    assert list(line) == [*others, far]
