"""Pushing: every second, and once more at the end, whatever the hub does meanwhile."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from modelyard.telemetry.metrics.aggregate import MetricsAggregator
from modelyard.telemetry.metrics.pusher import Pusher
from modelyard.telemetry.metrics.snapshot import Push, Snapshot
from tests.unit.telemetry.pushes import OK, totals_of

PATIENCE_S = 10


class Hub:
    """Takes pushes, unless it is down."""

    def __init__(self) -> None:
        self.down = False
        self.got: list[Push] = []
        self.listeners: list[Callable[[int], None]] = []
        self.tried = threading.Semaphore(0)

    def on_wish(self, known: int, told: Callable[[int], None]) -> None:
        self.listeners.append(told)

    def push(self, push: Push) -> None:
        self.tried.release()
        if self.down:
            raise ConnectionError("nobody there")
        self.got.append(push)

    def wait(self, tries: int) -> None:
        """Until it was tried so often more."""
        for _ in range(tries):
            assert self.tried.acquire(timeout=PATIENCE_S)


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_a_process_pushes_by_itself_and_once_more_as_it_ends(hub: Hub):
    answered = [0]
    pusher = Pusher(lambda: Snapshot(totals_of(answered[0]), {}), hub, every_s=0.001)
    pusher.start()
    hub.wait(3)
    answered[0] = 5
    pusher.close()
    assert [push.final for push in hub.got] == [False] * (len(hub.got) - 1) + [True]
    assert hub.got[-1].snapshot.totals.counters[OK] == 5
    assert len({push.source for push in hub.got}) == 1
    assert [push.number for push in hub.got] == sorted({push.number for push in hub.got})


def test_a_hub_that_is_down_costs_nothing_and_hears_all_of_it_later(hub: Hub, caplog: pytest.LogCaptureFixture):
    answered = [3]
    pusher = Pusher(lambda: Snapshot(totals_of(answered[0]), {}), hub)
    hub.down = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pusher.push(final=False)
    assert len(caplog.records) == 1, "said once"
    answered[0], hub.down = 9, False
    pusher.push(final=False)
    book = MetricsAggregator()
    for push in hub.got:
        book.take(push, now=0)
    assert book.totals().counters[OK] == 9


def test_a_hub_can_tell_who_pushed_to_another_before_it(hub: Hub):
    pusher = Pusher(lambda: Snapshot(totals_of(1), {}), hub)
    hub.down = True
    pusher.push(final=False)
    hub.down = False
    pusher.push(final=False)
    pusher.push(final=False)
    assert [push.known for push in hub.got] == [False, True]


def test_two_processes_are_never_taken_for_one(hub: Hub):
    for _ in range(2):
        Pusher(lambda: Snapshot(totals_of(1), {}), hub).push(final=True)
    assert len({push.source for push in hub.got}) == 2


def test_the_end_does_not_wait_for_a_hub_that_hangs():
    over = threading.Event()

    class Hanging(Hub):
        def push(self, push: Push) -> None:
            over.wait(PATIENCE_S)

    pusher = Pusher(lambda: Snapshot(totals_of(1), {}), Hanging(), every_s=60, close_s=0.01)
    pusher.start()
    pusher.close()
    over.set()


def test_a_wish_is_granted_without_waiting_for_the_next_second(hub: Hub):
    answered = [1]
    pusher = Pusher(lambda: Snapshot(totals_of(answered[0]), {}), hub, every_s=60)
    pusher.start()
    hub.wait(1)
    pusher_listens(hub)
    answered[0] = 2
    hub.listeners.pop()(7)
    hub.wait(1)
    pusher.close()
    assert [(push.wish, push.snapshot.totals.counters[OK]) for push in hub.got] == [(0, 1), (7, 2), (7, 2)]


def test_a_process_that_waits_for_a_wish_in_vain_asks_again_with_its_next_push(hub: Hub):
    pusher = Pusher(lambda: Snapshot(totals_of(1), {}), hub)
    pusher.push(final=False)
    pusher.push(final=False)
    assert len(hub.listeners) == 1, "once at a time"
    hub.listeners.pop()(0)
    pusher.push(final=False)
    assert len(hub.listeners) == 1


def pusher_listens(hub: Hub) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not hub.listeners:
        assert time.monotonic() < deadline
        time.sleep(0.001)
