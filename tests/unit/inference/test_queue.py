"""The request queue keeps its order and its counts when requests are removed."""

import numpy as np

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.queue import LOOK_AHEAD, RequestQueue
from modelyard.inference.recorder import UNRECORDED, RequestContext
from modelyard.tensors import InferRequest


def pending_request(width: int = 1, rows: int = 1, submitted: float = 0.0) -> PendingRequest:
    request = InferRequest({"x": np.zeros((rows, width))}, rows, ("y",))
    return PendingRequest(
        request, lambda result: None, submitted, lambda pending: None, RequestContext(UNRECORDED, submitted, "", 0)
    )


def queue_of(*pending: PendingRequest) -> RequestQueue:
    queue = RequestQueue()
    for one in pending:
        queue.add(one)
    return queue


def test_an_empty_queue_gives_no_batch() -> None:
    assert RequestQueue().take(8) == []
    assert RequestQueue().oldest() is None


def test_taking_counts_requests_and_rows() -> None:
    queue = queue_of(pending_request(rows=2), pending_request(rows=3), pending_request(rows=4))
    assert [one.rows for one in queue.take(5)] == [2, 3]
    assert (queue.count, queue.rows) == (1, 4)


def test_removed_requests_are_never_returned() -> None:
    pending = [pending_request() for _ in range(5)]
    queue = queue_of(*pending)
    for place in (0, 2, 4):
        queue.remove(pending[place])
    assert (queue.count, queue.rows) == (2, 2)
    assert list(queue) == [pending[1], pending[3]]
    assert queue.oldest() is pending[1]
    assert queue.take(8) == [pending[1], pending[3]]
    assert queue.take(8) == []


def test_removed_requests_are_cleared_and_the_order_stays() -> None:
    pending = [pending_request() for _ in range(500)]
    queue = queue_of(*pending)
    remaining = pending[::100]
    for one in pending:
        if one not in remaining:
            queue.remove(one)
    assert len(queue._requests) < 100
    assert list(queue) == remaining


def test_all_requests_up_to_a_time_are_removed_from_the_queue() -> None:
    pending = [pending_request(submitted=time) for time in (1.0, 2.0, 3.0)]
    queue = queue_of(*pending)
    assert queue.take_until(2.0) == pending[:2]
    assert queue.take_until(2.0) == []
    assert queue.count == 1


def test_requests_with_other_keys_keep_their_places() -> None:
    pending = [pending_request(width) for width in (1, 2, 1, 3, 2)]
    queue = queue_of(*pending)
    assert queue.take(8) == [pending[0], pending[2]]
    assert list(queue) == [pending[1], pending[3], pending[4]]


def test_the_search_for_requests_with_the_same_key_is_bounded() -> None:
    others = [pending_request(2) for _ in range(LOOK_AHEAD)]
    first, far = pending_request(1), pending_request(1)
    queue = queue_of(first, *others, far)
    assert queue.take(8) == [first]
    assert list(queue) == [*others, far]
