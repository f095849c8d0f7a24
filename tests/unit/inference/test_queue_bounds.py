"""How far the queue searches for requests of a batch, and how many removed requests it holds."""

import numpy as np
import pytest

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.queue import RequestQueue
from modelyard.inference.recorder import UNRECORDED, RequestContext
from modelyard.tensors import InferRequest


def pending(rows: int = 1, width: int = 1) -> PendingRequest:
    request = InferRequest({"x": np.zeros((rows, width))}, rows, ("y",))
    return PendingRequest(
        request, lambda result: None, 0.0, lambda pending: None, RequestContext(UNRECORDED, 0.0, "", 0)
    )


def queue_of(*requests: PendingRequest) -> RequestQueue:
    queue = RequestQueue()
    for request in requests:
        queue.add(request)
    return queue


def test_a_queue_that_is_cleared_is_empty_and_can_be_used_again() -> None:
    queue = queue_of(pending(2), pending(3))
    queue.clear()
    assert (queue.count, queue.rows, list(queue), queue.oldest(), queue.take(8)) == (0, 0, [], None, [])
    request = pending(2)
    queue.add(request)
    assert (queue.count, queue.rows, queue.take(8)) == (1, 2, [request])


@pytest.mark.parametrize(("queued", "removed_before_compaction"), [(65, 64), (300, 182)])
def test_removed_requests_are_dropped_when_they_are_most_of_the_queue(
    queued: int, removed_before_compaction: int
) -> None:
    requests = [pending() for _ in range(queued)]
    queue = queue_of(*requests)
    for request in requests[:removed_before_compaction]:
        queue.remove(request)
    assert len(queue._requests) == queued
    queue.remove(requests[removed_before_compaction])
    assert len(queue._requests) == queue.count == queued - removed_before_compaction - 1


def test_a_full_batch_is_compared_with_no_further_request() -> None:
    requests = [pending(2), pending(2), pending(1)]
    assert queue_of(*requests).take(4) == requests[:2]
    assert requests[2].key is None


def test_a_request_that_does_not_fit_ends_the_batch_and_is_not_overtaken() -> None:
    requests = [pending(2), pending(2), pending(3), pending(1)]
    queue = queue_of(*requests)
    assert queue.take(6) == requests[:2]
    assert queue.take(6) == requests[2:]


def test_requests_with_other_keys_are_passed_over_and_stay_in_order() -> None:
    requests = [pending(), pending(width=2), pending(), pending(width=3), pending()]
    queue = queue_of(*requests)
    assert queue.take(2) == [requests[0], requests[2]]
    assert list(queue) == [requests[1], requests[3], requests[4]]
    assert queue.take(2) == [requests[1]]
    assert queue.take(2) == [requests[3]]
    assert queue.take(2) == [requests[4]]
