"""Applies between the thread that requests one and the thread that carries it out."""

import threading

import pytest

from modelyard.control.apply_queue import Done, RequestedApplies, RequestedApply
from modelyard.control.plan import NeedsConfirmation
from tests.unit.control.models import resolved
from tests.unit.control.serve import desired

STATE = desired(resolved("a"))
PATIENCE_S = 20


class Reconciler:
    """Carries out each request at once, when it is woken."""

    def __init__(self) -> None:
        self.requests = RequestedApplies(self.wake)
        self.outcome: Done | Exception = Done((), 7)
        self.taken: list[RequestedApply] = []

    def wake(self) -> None:
        request = self.requests.take()
        assert request is not None
        self.taken.append(request)
        if isinstance(self.outcome, Exception):
            request.done.set_exception(self.outcome)
        else:
            request.done.set_result(self.outcome)


def test_a_request_is_carried_out_as_it_was_made():
    reconciler = Reconciler()
    done = reconciler.requests.request(STATE, allow_removals=True, read_from=3.0, timeout_s=PATIENCE_S)
    assert done == Done((), 7)
    (request,) = reconciler.taken
    assert (request.desired, request.allow_removals, request.read_from) == (STATE, True, 3.0)
    assert reconciler.requests.take() is None


def test_the_error_of_an_apply_is_raised_where_it_was_requested():
    reconciler = Reconciler()
    reconciler.outcome = NeedsConfirmation("most models would be removed")
    with pytest.raises(NeedsConfirmation, match="most models"):
        reconciler.requests.request(STATE, allow_removals=False, read_from=0.0, timeout_s=PATIENCE_S)


def test_requests_are_carried_out_in_their_order_and_given_up_ones_are_left_out():
    woken = threading.Event()
    requests = RequestedApplies(woken.set)
    for read_from in (1.0, 2.0):
        with pytest.raises(TimeoutError, match=r"did not start the apply within 0.01 s"):
            requests.request(STATE, allow_removals=False, read_from=read_from, timeout_s=0.01)
    waiting = threading.Thread(
        target=requests.request,
        args=(STATE,),
        kwargs={"allow_removals": False, "read_from": 3.0, "timeout_s": PATIENCE_S},
    )
    woken.clear()
    waiting.start()
    assert woken.wait(PATIENCE_S)
    request = requests.take()
    assert request is not None
    assert request.read_from == 3.0
    request.done.set_result(Done((), 1))
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()


def test_an_apply_that_is_under_way_is_waited_for():
    started, results = threading.Event(), []
    requests = RequestedApplies(started.set)

    def request() -> None:
        results.append(requests.request(STATE, allow_removals=False, read_from=0.0, timeout_s=0.2))

    waiting = threading.Thread(target=request)
    waiting.start()
    assert started.wait(PATIENCE_S)
    taken = requests.take()
    assert taken is not None
    waiting.join(0.25)
    taken.done.set_result(Done((), 4))
    waiting.join(PATIENCE_S)
    assert results == [Done((), 4)]
