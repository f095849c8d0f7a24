"""Request heads that are too large or too slow, and clients that wait for 100 Continue."""

import pytest

from modelyard.http.body_budget import MAX_LARGEST_BODIES, SMALL_BYTES
from modelyard.http.request_head import MAX_HEAD_BYTES, RequestHead
from modelyard.http.slow_clients import CHECK_INTERVAL_S
from tests.contract.client import request
from tests.unit.http.wire import FAST, FakeEndpoint, Wire, prediction

GET = "/models/m"
SLOW_AFTER_S = 3 * CHECK_INTERVAL_S


def with_header(length: int, path: str = FAST) -> bytes:
    return request(path, b"{}", x_long="a" * length)


def pieces(raw: bytes, size: int) -> list[bytes]:
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def test_a_head_may_have_48_kib_with_four_bytes_around_each_header() -> None:
    url, header = b"/" * 100, (b"x-long", b"a" * 40_000)
    rest = 49_152 - 100 - (6 + 4 + 40_000)
    assert RequestHead().fits(url, [header, (b"", b"a" * (rest - 4))])
    assert not RequestHead().fits(url, [header, (b"", b"a" * (rest - 3))])


def test_a_head_is_measured_from_its_first_part_until_it_is_complete() -> None:
    head = RequestHead()
    assert (head.in_parts, head.later_bytes) == (False, 0)
    head.feed(b"GET", begun=False)
    head.feed(b" / HTTP/1.1", begun=True)
    assert (head.in_parts, head.later_bytes) == (True, 11)
    head.fits(b"/", [])
    assert (head.in_parts, head.later_bytes) == (False, 0)


@pytest.mark.parametrize("size", [2**20, 10_000])
@pytest.mark.parametrize("path", [FAST, GET])
def test_a_head_that_the_edge_would_reject_is_400(path: str, size: int) -> None:
    wire = Wire()
    wire.receive(*pieces(with_header(MAX_HEAD_BYTES, path), size))
    assert (wire.statuses, wire.transport.closed) == ([b"400"], True)
    assert (wire.endpoint.requests, wire.loop.tasks) == ([], 0)


@pytest.mark.parametrize("size", [2**20, 10_000])
def test_a_large_head_within_the_limit_is_accepted_and_so_is_the_next_one(size: int) -> None:
    wire = Wire()
    raw = with_header(MAX_HEAD_BYTES - 1000)
    wire.receive(*pieces(raw + raw + raw, size))
    assert wire.statuses == [b"200"] * 3


def test_the_end_of_a_large_body_does_not_count_for_the_next_head() -> None:
    wire = Wire()
    wire.receive(request(FAST, bytes(2 * MAX_HEAD_BYTES)) + request(FAST, b"{}")[:-5])
    wire.receive(request(FAST, b"{}")[-5:])
    assert wire.statuses == [b"200", b"200"]


def test_a_head_that_never_ends_is_rejected_when_it_is_too_large() -> None:
    wire = Wire()
    wire.receive(request(FAST)[:-2])
    for _ in range(MAX_HEAD_BYTES // 1000):
        wire.receive(b"x-more: " + b"a" * 990 + b"\r\n")
    assert not wire.transport.closed
    wire.receive(b"x-long: " + b"a" * 2000)
    assert (wire.statuses, wire.transport.closed) == ([b"400"], True)


@pytest.mark.parametrize("before", [b"", request(FAST, b"{}")], ids=["first", "later"])
def test_a_head_that_is_sent_too_slowly_is_408(before: bytes) -> None:
    wire = Wire()
    wire.receive(before + request(FAST)[:-2])
    for _ in range(int(SLOW_AFTER_S)):
        wire.loop.advance(1)
        if not wire.transport.closed:
            wire.receive(b"x: y\r\n")
    assert wire.statuses == [b"200"] * bool(before) + [b"408"]
    assert b"sent at less than 4096 bytes per second" in wire.transport.written[-1]
    assert wire.transport.closed


def test_a_head_behind_an_open_request_is_not_too_slow() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    raw = request(FAST, b"{}")
    wire.receive(raw + raw[:-10])
    wire.loop.advance(10 * SLOW_AFTER_S)
    assert not wire.transport.closed
    wire.endpoint.replies[0](prediction(1))
    wire.receive(raw[-10:])
    wire.endpoint.replies[1](prediction(2))
    assert wire.statuses == [b"200", b"200"]


def test_a_connection_between_two_requests_is_not_sending_a_head() -> None:
    wire = Wire()
    wire.receive(request(FAST, b"{}"))
    wire.loop.advance(CHECK_INTERVAL_S * 2)
    assert wire.statuses == [b"200"]
    assert wire.connection.body_progress() == (None, 0)


@pytest.mark.parametrize("full", [False, True])
def test_a_body_that_will_be_rejected_gets_no_100_continue(*, full: bool) -> None:
    wire = Wire(body_limit=2 * SMALL_BYTES)
    size = SMALL_BYTES + 1 if full else 2 * SMALL_BYTES + 1
    if full:
        wire.connection.fast_path.body_budget.held_bytes = MAX_LARGEST_BODIES * 2 * SMALL_BYTES
    wire.receive(request(FAST, bytes(size), expect="100-continue")[:-size])
    cycle = wire.connection.cycle
    assert wire.loop.tasks == 1
    assert not cycle.waiting_for_100_continue
    assert not cycle.keep_alive, "it is unknown whether the body follows the response"


def test_another_body_gets_100_continue() -> None:
    wire = Wire()
    wire.receive(request(FAST, b"{}", expect="100-continue")[:-2])
    assert wire.connection.cycle.waiting_for_100_continue
    assert wire.connection.cycle.keep_alive
