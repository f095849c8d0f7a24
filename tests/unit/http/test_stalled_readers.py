"""Clients that do not read their responses."""

import pytest

from modelyard.http.slow_clients import CHECK_INTERVAL_S, MAX_STALLED_CHECKS
from tests.contract.client import request
from tests.unit.http.wire import FAST, FakeEndpoint, Wire, prediction

STALLED_AFTER_S = (MAX_STALLED_CHECKS + 1) * CHECK_INTERVAL_S
"""The time of detection: a first check that finds unread bytes, and the maximum number of further checks."""


@pytest.fixture
def wire() -> Wire:
    """A connection with a response that the client has not read."""
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(request(FAST, b"{}"))
    wire.connection.pause_writing()
    wire.transport.unsent = 10**6
    wire.endpoint.replies[0](prediction(1))
    return wire


def test_a_client_that_reads_nothing_is_disconnected(wire: Wire) -> None:
    wire.loop.advance(STALLED_AFTER_S - 1)
    assert not wire.transport.aborted
    wire.loop.advance(1)
    assert wire.transport.aborted


def test_a_client_that_reads_slowly_is_not_disconnected(wire: Wire) -> None:
    for _ in range(MAX_STALLED_CHECKS * 3):
        wire.loop.advance(CHECK_INTERVAL_S)
        wire.transport.unsent -= 1
        wire.connection._responded = True  # it is not idle either
    assert not wire.transport.closed


def test_a_client_that_reads_again_gets_the_full_time_again(wire: Wire) -> None:
    wire.loop.advance(STALLED_AFTER_S - 1)
    wire.connection.resume_writing()
    wire.loop.advance(CHECK_INTERVAL_S)
    wire.connection.pause_writing()
    wire.loop.advance(MAX_STALLED_CHECKS * CHECK_INTERVAL_S - 1)
    assert not wire.transport.aborted


def test_a_stalled_client_is_disconnected_after_an_idle_close(wire: Wire) -> None:
    wire.connection.timeout_keep_alive_handler()
    wire.loop.advance(STALLED_AFTER_S)
    assert wire.transport.aborted


def test_bytes_in_a_buffer_below_its_limit_are_no_stall() -> None:
    wire = Wire()
    wire.receive(request(FAST, b"{}"))
    wire.transport.unsent = 100
    assert wire.connection.unwritten_bytes() == 0
