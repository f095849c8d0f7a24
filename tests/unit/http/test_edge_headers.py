"""The header in which the edge writes when it received a request."""

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
def test_the_start_at_the_edge_is_a_whole_number_of_microseconds_or_is_ignored(
    value: bytes, seconds: float | None
) -> None:
    assert edge_start_s([OTHER, (EDGE_START, value)]) == seconds


def test_a_request_without_the_header_has_no_start_at_the_edge() -> None:
    assert edge_start_s([OTHER]) is None


def test_later_messages_of_a_connection_do_not_have_its_start() -> None:
    assert without_edge_start([OTHER, (EDGE_START, b"17")]) == (OTHER,)
