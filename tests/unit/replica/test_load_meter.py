"""The load meter, compared with the true number of requests in flight."""

import random
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count

import pytest

from modelyard.replica.load_meter import LoadMeter
from tests.fakes import FakeClock, FakeLoop


class Meter:
    """A meter on a fake event loop."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.loop = FakeLoop(self.clock)
        self.waiting = 0
        self.meter = LoadMeter(self.loop.call_soon, lambda: self.waiting, self.clock)

    def arrive(self, requests: int, seconds_each: float) -> None:
        for _ in range(requests):
            self.meter.arrived()
            self.clock.advance(seconds_each)


def test_an_idle_replica_has_nothing_in_flight() -> None:
    one = Meter()
    one.clock.advance(10)
    assert one.meter.read() == 0


def test_two_readings_at_one_time_do_not_divide_by_zero() -> None:
    one = Meter()
    assert one.meter.read() == one.meter.read() == 0


def test_requests_that_are_served_within_submit_count_for_their_duration() -> None:
    one = Meter()
    one.arrive(4, 0.25)
    one.loop.turn()
    one.clock.advance(3)
    assert one.meter.read() == pytest.approx(4 * 1.0 / 4)


def test_requests_count_until_their_batch_ends() -> None:
    one = Meter()
    one.arrive(3, 0.1)
    one.waiting = 3

    def call() -> None:
        one.clock.advance(0.7)
        one.waiting = 0

    one.loop.call_soon(call)
    one.loop.settle()
    assert one.meter.read() == pytest.approx(3)


def test_requests_that_wait_for_the_worker_count_at_the_time_of_reading() -> None:
    one = Meter()
    one.waiting = 7
    one.clock.advance(5)
    assert one.meter.read() == 7


@pytest.mark.parametrize("waiting", [0, 3])
def test_many_models_are_counted_only_when_the_load_is_read(waiting: int) -> None:
    clock, counted = FakeClock(), []
    loop = FakeLoop(clock)
    meter = LoadMeter(loop.call_soon, lambda: counted.append(clock()) or waiting, clock, may_wait=lambda: True)
    for _ in range(3):
        meter.arrived()
    clock.advance(0.5)
    loop.settle()
    assert counted == []
    clock.advance(1.5)
    assert meter.read() == pytest.approx(3 * 0.5 / 2 + waiting)
    assert len(counted) == 1


def test_each_reading_starts_from_zero() -> None:
    one = Meter()
    one.arrive(1, 1.0)
    one.loop.settle()
    assert one.meter.read() > 0
    one.clock.advance(1)
    assert one.meter.read() == 0


DECODE_S, CALL_S, ENCODE_S = 20e-6, 60e-6, 15e-6


class InlineReplica:
    """A model on the event loop, as the scheduler runs it: read what has arrived, run a batch, respond.

    `in_flight_s` adds up what the meter is to estimate: the time of each request from its arrival in the socket's buffer to its
    answer.
    """

    def __init__(self) -> None:
        self.one = Meter()
        self.in_flight_s = 0.0
        self._coming: list[tuple[float, int, Callable[[float], float | None]]] = []
        self._number = count()
        self._batch: list[tuple[float, Callable[[float], float | None]]] = []

    def add(self, at: float, following: Callable[[float], float | None] = lambda _: None) -> None:
        """A request that arrives then; `following` maps the time of its response to the time of the client's next request."""
        heappush(self._coming, (at, next(self._number), following))

    def run(self, seconds: float) -> tuple[float, float]:
        """The true average in flight, and that of the meter."""
        clock, loop = self.one.clock, self.one.loop
        started = clock()
        while self._coming and clock() < started + seconds:
            loop.turn()
            if loop.idle:
                clock.now = max(clock.now, self._coming[0][0])
            self._read_sockets()
        loop.settle()  # as for any callback of the loop, what was read before is called before it
        return self.in_flight_s / (clock() - started), self.one.meter.read()

    def _read_sockets(self) -> None:
        clock, now = self.one.clock, self.one.clock()
        while self._coming and self._coming[0][0] <= now:
            at, _, following = heappop(self._coming)
            self.one.meter.arrived()
            clock.advance(DECODE_S)
            if not self._batch:
                self.one.loop.call_soon(self._call)
            self._batch.append((at, following))
            self.one.waiting += 1

    def _call(self) -> None:
        clock = self.one.clock
        clock.advance(CALL_S)
        for at, following in self._batch:
            clock.advance(ENCODE_S)
            self.one.waiting -= 1
            self.in_flight_s += clock() - at
            if (again := following(clock())) is not None:
                self.add(again, following)
        self._batch = []


@pytest.mark.parametrize("clients", [1, 8, 64, 300])
@pytest.mark.parametrize("think_s", [10e-6, 1e-3])
def test_closed_loop_clients_are_counted(clients: int, think_s: float) -> None:
    replica = InlineReplica()
    start = replica.one.clock()
    for client in range(clients):
        replica.add(start + client * 1e-6, lambda now: now + think_s)
    true, measured = replica.run(0.2)
    assert measured == pytest.approx(true, rel=0.3)


def _poisson(rate: float, seconds: float, start: float) -> Iterator[float]:
    chance = random.Random(7)
    at = start
    while at < start + seconds:
        yield at
        at += chance.expovariate(rate)


@pytest.mark.parametrize("rate", [500, 5_000, 15_000, 25_000])
def test_random_arrivals_are_counted(rate: float) -> None:
    replica = InlineReplica()
    for at in _poisson(rate, 0.2, replica.one.clock()):
        replica.add(at)
    true, measured = replica.run(0.2)
    assert measured == pytest.approx(true, rel=0.35)
