"""The timeout and the encoding of a call."""

import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.call_headers import encoding_and_timeout, timeout_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"1H", 3600),
        (b"2M", 120),
        (b"3S", 3),
        (b"250m", 0.25),
        (b"99999999u", 99.999999),
        (b"5n", 5e-9),
        (b"0S", 0),
    ],
)
def test_a_timeout_is_read_in_any_unit(header, seconds):
    assert timeout_s(header) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "header", [b"", b"1", b"S", b"1s", b"-1S", b"1.5S", b"123456789S", b"1S ", b"1S\n", b"\xff" * 99]
)
def test_an_invalid_timeout_is_rejected(header):
    with pytest.raises(InvalidRequest, match="grpc-timeout"):
        timeout_s(header)


def test_at_most_20_characters_of_an_invalid_timeout_are_shown():
    with pytest.raises(InvalidRequest, match=f"grpc-timeout '{'x' * 20}' is invalid"):
        timeout_s(b"x" * 21)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"te", b"trailers"), (b"grpc-encoding", b"gzip"), (b"grpc-timeout", b"1S")], (b"gzip", b"1S")),
        ([(b"grpc-timeout", b"1S"), (b"user-agent", b"x")], (b"", b"1S")),
        ([], (b"", b"")),
    ],
)
def test_the_headers_of_a_call_are_found_among_others(headers, expected):
    assert encoding_and_timeout(headers) == expected
