"""Pushing: every second, and once more at the end, whatever the hub does meanwhile."""

import logging
import threading

import pytest

from monitoring.book import Book
from monitoring.pusher import Pusher
from monitoring.snapshot import Push, Snapshot
from tests.unit.monitoring.pushes import OK, totals_of

PATIENCE_S = 10


class Hub:
    """Takes pushes, unless it is down."""

    def __init__(self) -> None:
        self.down = False
        self.got: list[Push] = []
        self.tried = threading.Semaphore(0)

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
    pusher = Pusher(lambda: Snapshot(totals_of(answered[0]), {}), hub.push, every_s=0.001)
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
    pusher = Pusher(lambda: Snapshot(totals_of(answered[0]), {}), hub.push)
    hub.down = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pusher.push(final=False)
    assert len(caplog.records) == 1, "said once"
    answered[0], hub.down = 9, False
    pusher.push(final=False)
    book = Book()
    for push in hub.got:
        book.take(push, now=0)
    assert book.totals().counters[OK] == 9


def test_a_hub_can_tell_who_pushed_to_another_before_it(hub: Hub):
    pusher = Pusher(lambda: Snapshot(totals_of(1), {}), hub.push)
    hub.down = True
    pusher.push(final=False)
    hub.down = False
    pusher.push(final=False)
    pusher.push(final=False)
    assert [push.known for push in hub.got] == [False, True]


def test_two_processes_are_never_taken_for_one(hub: Hub):
    for _ in range(2):
        Pusher(lambda: Snapshot(totals_of(1), {}), hub.push).push(final=True)
    assert len({push.source for push in hub.got}) == 2


def test_the_end_does_not_wait_for_a_hub_that_hangs():
    over = threading.Event()

    def hang(push: Push) -> None:
        over.wait(PATIENCE_S)

    pusher = Pusher(lambda: Snapshot(totals_of(1), {}), hang, every_s=60, close_s=0.01)
    pusher.start()
    pusher.close()
    over.set()
