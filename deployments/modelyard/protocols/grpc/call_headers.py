"""The headers of a gRPC call that have an effect: `grpc-encoding` and `grpc-timeout`."""

import re
from collections.abc import Mapping, Sequence

from modelyard.errors import InvalidRequest
from modelyard.http.endpoint import Header

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Mapping[bytes, float] = {b"H": 3600, b"M": 60, b"S": 1, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def encoding_and_timeout(headers: Sequence[Header]) -> tuple[bytes, bytes]:
    """The values of `grpc-encoding` and `grpc-timeout`, b"" if absent."""
    encoding = timeout = b""
    for name, value in headers:
        if name == b"grpc-encoding":
            encoding = value
        elif name == b"grpc-timeout":
            timeout = value
    return encoding, timeout


def timeout_s(value: bytes) -> float:
    """The value of `grpc-timeout` in seconds. Raises InvalidRequest if it is invalid."""
    found = _TIMEOUT.fullmatch(value)
    if found is None:
        shown = value[:20].decode("latin-1")
        raise InvalidRequest(f"grpc-timeout {shown!r} is invalid; expected digits and a unit of H, M, S, m, u or n")
    return int(found[1]) * _SECONDS[found[2]]
