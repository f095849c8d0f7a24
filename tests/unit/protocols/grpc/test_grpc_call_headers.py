"""The timeout of a call."""

import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.call_headers import timeout_s


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
