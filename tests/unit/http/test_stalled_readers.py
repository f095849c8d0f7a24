"""Clients that do not read their answers, look by look."""

import pytest

from modelyard.http.slow_clients import CHECK_INTERVAL_S, MAX_STALLED_CHECKS
from tests.contract.client import request
from tests.unit.http.wire import HOT, FakePredictor, Wire, prediction

STALLED_AFTER_S = (MAX_STALLED_CHECKS + 1) * CHECK_INTERVAL_S
"""By then it is found: a look that sees what waits, and as many as it may wait for."""


@pytest.fixture
def wire() -> Wire:
    """With an answer that the client has not taken."""
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(request(HOT, b"{}"))
    wire.connection.pause_writing()
    wire.transport.unsent = 10**6
    wire.predictor.replies[0](prediction(1))
    return wire


def test_one_that_reads_nothing_is_cut_and_what_waits_for_it_is_dropped(wire: Wire) -> None:
    wire.loop.advance(STALLED_AFTER_S - 1)
    assert not wire.transport.aborted
    wire.loop.advance(1)
    assert wire.transport.aborted


def test_one_that_reads_slowly_is_not_cut(wire: Wire) -> None:
    for _ in range(MAX_STALLED_CHECKS * 3):
        wire.loop.advance(CHECK_INTERVAL_S)
        wire.transport.unsent -= 1
        wire.connection._answered = True  # it is not idle either
    assert not wire.transport.closed


def test_one_that_reads_again_has_as_long_anew(wire: Wire) -> None:
    wire.loop.advance(STALLED_AFTER_S - 1)
    wire.connection.resume_writing()
    wire.loop.advance(CHECK_INTERVAL_S)
    wire.connection.pause_writing()
    wire.loop.advance(MAX_STALLED_CHECKS * CHECK_INTERVAL_S - 1)
    assert not wire.transport.aborted


def test_one_that_is_closed_as_idle_is_still_cut(wire: Wire) -> None:
    wire.connection.timeout_keep_alive_handler()
    wire.loop.advance(STALLED_AFTER_S)
    assert wire.transport.aborted


def test_what_waits_in_a_buffer_that_is_not_full_is_no_stall() -> None:
    wire = Wire()
    wire.receive(request(HOT, b"{}"))
    wire.transport.unsent = 100
    assert wire.connection.unread() == 0
