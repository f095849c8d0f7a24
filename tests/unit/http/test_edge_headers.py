"""When a request came to the edge, by the header that it writes."""

import pytest

from modelyard.http.edge_headers import EDGE_START, edge_start_s, without_edge_start

OTHER = (b"accept", b"*/*")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"1700000000123456", 1_700_000_000.123456),
        (b"0", 0.0),
        (b"", None),
        (b"-5", None),
        (b"1.5", None),
        (b"1_000", None),
        (b" 17", None),
        (b"\xb2", None),
        (b"9" * 18, None),
    ],
)
def test_it_is_a_whole_number_of_microseconds_or_nothing(value: bytes, seconds: float | None) -> None:
    assert edge_start_s([OTHER, (EDGE_START, value)]) == seconds


def test_a_request_that_did_not_come_by_the_edge_has_none() -> None:
    assert edge_start_s([OTHER]) is None


def test_what_comes_later_on_the_same_connection_did_not_come_then() -> None:
    assert without_edge_start([OTHER, (EDGE_START, b"17")]) == (OTHER,)
