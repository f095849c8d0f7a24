"""Pushes once a second, on request and at the end, whatever the hub does."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from modelyard.telemetry.metrics.aggregator import MetricsAggregator
from modelyard.telemetry.metrics.pusher import Pusher
from modelyard.telemetry.metrics.snapshot import MetricsSnapshot, Parts, Push, Totals
from tests.unit.telemetry.pushes import OK, totals_of

TIMEOUT_S = 10


class Hub:
    """Stores pushes, unless it is down."""

    def __init__(self) -> None:
        self.down = False
        self.restarted = False
        """Whether it knows no earlier push."""
        self.pushes: list[Push] = []
        self.listeners: list[Callable[[int], None]] = []
        self.attempted = threading.Semaphore(0)

    def on_refresh(self, known_id: int, callback: Callable[[int], None]) -> None:
        self.listeners.append(callback)

    def push(self, push: Push) -> bool:
        self.attempted.release()
        if self.down:
            raise ConnectionError("the hub is down")
        self.pushes.append(push)
        return not (self.restarted and push.base)

    def wait(self, attempts: int) -> None:
        """Wait for this number of further attempts."""
        for _ in range(attempts):
            assert self.attempted.acquire(timeout=TIMEOUT_S)


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_a_process_pushes_regularly_and_once_more_when_it_ends(hub: Hub):
    requests = [0]
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(requests[0]), {})}, hub, interval_s=0.001)
    pusher.start()
    hub.wait(3)
    requests[0] = 5
    pusher.close()
    assert [push.final for push in hub.pushes] == [False] * (len(hub.pushes) - 1) + [True]
    assert hub.pushes[-1].snapshot.totals.counters[OK] == 5
    assert len({push.source for push in hub.pushes}) == 1
    assert [push.number for push in hub.pushes] == sorted({push.number for push in hub.pushes})


def test_while_nothing_changes_every_other_push_is_left_out(hub: Hub):
    taken, requests = threading.Semaphore(0), [0]

    def parts() -> Parts:
        taken.release()
        return {"": MetricsSnapshot(totals_of(requests[0]), {})}

    pusher = Pusher(parts, hub, interval_s=0.001)
    pusher.start()
    for _ in range(20):
        assert taken.acquire(timeout=TIMEOUT_S)
    pusher.close()
    snapshots = 20 + sum(1 for _ in iter(lambda: taken.acquire(blocking=False), False))
    assert abs(2 * len(hub.pushes) - snapshots) <= 2
    assert [push.number for push in hub.pushes] == [*range(1, len(hub.pushes) + 1)]


@pytest.mark.parametrize("change", ["a request", "a refresh", "an outage"])
def test_a_push_is_not_left_out_after(hub: Hub, change: str):
    requests = [0]
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(requests[0]), {})}, hub)
    pusher.push(final=False)
    pusher.push(final=False, skip=True)
    assert len(hub.pushes) == 1
    if change == "a request":
        requests[0] = 1
    elif change == "a refresh":
        hub.listeners.pop()(7)
    else:
        hub.down = True
        pusher.push(final=False)
        hub.down = False
    pusher.push(final=False, skip=True)
    assert len(hub.pushes) == 2


def model_counts(name: str, requests: int) -> MetricsSnapshot:
    return MetricsSnapshot(Totals({(OK[0], name, *OK[2:]): requests}), {("in_flight", name): 1.0})


def test_a_push_has_only_the_models_that_have_changed(hub: Hub):
    models = {"a": model_counts("a", 1), "b": model_counts("b", 1)}
    pusher = Pusher(lambda: dict(models), hub)
    for change in ({}, {"b": model_counts("b", 1)}, {"b": model_counts("b", 2)}, {"c": model_counts("c", 1)}):
        models |= change
        pusher.push(final=False)
    sent = [({key[1]: count for key, count in each.snapshot.totals.counters.items()}, each.base) for each in hub.pushes]
    assert sent == [({"a": 1, "b": 1}, 0), ({}, 1), ({"b": 2}, 2), ({"c": 1}, 3)]


def test_a_push_has_the_gauges_that_do_not_exist_any_more(hub: Hub):
    models = {"a": model_counts("a", 1), "b": model_counts("b", 1)}
    pusher = Pusher(lambda: dict(models), hub)
    pusher.push(final=False)
    models["a"] = MetricsSnapshot(models["a"].totals, {})
    del models["b"]
    pusher.push(final=False)
    assert hub.pushes[-1].gone == {("in_flight", "a"), ("in_flight", "b")}


@pytest.mark.parametrize("fault", ["down", "restarted"])
def test_after_a_failure_a_push_is_complete(hub: Hub, fault: str):
    pusher = Pusher(lambda: {"a": model_counts("a", 1)}, hub)
    pusher.push(final=False)
    setattr(hub, fault, True)
    pusher.push(final=False)
    setattr(hub, fault, False)
    pusher.push(final=False)
    complete = [push for push in hub.pushes if not push.base]
    assert len(complete) == 2
    assert complete[0].snapshot == complete[1].snapshot
    assert [push.number for push in hub.pushes] == sorted({push.number for push in hub.pushes})


def test_a_hub_that_was_down_gets_all_counts_later(hub: Hub, caplog: pytest.LogCaptureFixture):
    requests = [3]
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(requests[0]), {})}, hub)
    hub.down = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pusher.push(final=False)
    assert len(caplog.records) == 1, "logged once"
    requests[0], hub.down = 9, False
    pusher.push(final=False)
    aggregator = MetricsAggregator()
    for push in hub.pushes:
        aggregator.apply(push, now=0)
    assert aggregator.totals().counters[OK] == 9


def test_a_push_has_whether_a_hub_acknowledged_an_earlier_one(hub: Hub):
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub)
    hub.down = True
    pusher.push(final=False)
    hub.down = False
    pusher.push(final=False)
    pusher.push(final=False)
    assert [push.acknowledged for push in hub.pushes] == [False, True]


def test_every_process_has_its_own_source_id(hub: Hub):
    for _ in range(2):
        Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub).push(final=True)
    assert len({push.source for push in hub.pushes}) == 2


def test_closing_does_not_wait_for_a_hub_that_hangs():
    released = threading.Event()

    class Hanging(Hub):
        def push(self, push: Push) -> bool:
            return released.wait(TIMEOUT_S)

    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, Hanging(), interval_s=60, close_timeout_s=0.01)
    pusher.start()
    pusher.close()
    released.set()


def test_a_refresh_request_is_served_before_the_next_interval(hub: Hub):
    requests = [1]
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(requests[0]), {})}, hub, interval_s=60)
    pusher.start()
    hub.wait(1)
    wait_for_listener(hub)
    requests[0] = 2
    hub.listeners.pop()(7)
    hub.wait(1)
    pusher.close()
    sent = [(push.refresh_id, push.snapshot.totals.counters.get(OK, "unchanged")) for push in hub.pushes]
    assert sent == [(0, 1), (7, 2), (7, "unchanged")]


def test_a_wait_for_a_refresh_that_times_out_is_started_again_with_the_next_push(hub: Hub):
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub)
    pusher.push(final=False)
    pusher.push(final=False)
    assert len(hub.listeners) == 1, "one wait at a time"
    hub.listeners.pop()(0)
    pusher.push(final=False)
    assert len(hub.listeners) == 1


def test_after_a_failed_push_the_wait_for_refreshes_is_started_again(hub: Hub):
    """A restarted hub knows none of the earlier waits."""
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub)
    pusher.push(final=False)
    hub.down = True
    pusher.push(final=False)
    hub.down = False
    pusher.push(final=False)
    assert len(hub.listeners) == 2


def test_each_outage_is_logged(hub: Hub, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub)
    for down in (True, True, False, True):
        hub.down = down
        pusher.push(final=False)
    assert len(caplog.records) == 2


def test_the_last_push_does_not_wait_for_a_refresh(hub: Hub):
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub)
    pusher.push(final=True)
    assert hub.listeners == []


def test_a_process_that_ends_does_not_wait_for_the_thread(hub: Hub):
    pusher = Pusher(lambda: {"": MetricsSnapshot(totals_of(1), {})}, hub, interval_s=60)
    pusher.start()
    hub.wait(1)
    assert {thread.daemon for thread in threading.enumerate() if thread.name == "modelyard-metrics"} == {True}
    pusher.close()


def wait_for_listener(hub: Hub) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not hub.listeners:
        assert time.monotonic() < deadline
        time.sleep(0.001)
