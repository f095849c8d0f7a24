"""The headers in which the edge writes the client's address and when it received the request."""

import pytest

from modelyard.http.edge_headers import CLIENT_ADDRESS, EDGE_START, client_address, edge_start_s, without_edge_start

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
        (b"9" * 17, 99_999_999_999.999999),
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


@pytest.mark.parametrize(
    ("value", "address"),
    [(b"192.0.2.7", "192.0.2.7"), (b"2001:DB8::1", "2001:db8::1"), (b"localhost", ""), (b"\xff", ""), (b"", "")],
)
def test_the_clients_address_is_an_ip_address_or_is_ignored(value: bytes, address: str) -> None:
    assert client_address([OTHER, (CLIENT_ADDRESS, value), OTHER]) == address


def test_a_request_without_the_header_has_no_address() -> None:
    assert client_address([OTHER]) == ""
