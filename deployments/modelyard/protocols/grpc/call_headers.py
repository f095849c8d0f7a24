"""`grpc-timeout`: how long a client will wait. Pure."""

import re
from collections.abc import Mapping, Sequence

from modelyard.errors import InvalidRequest
from modelyard.http.endpoint import Header

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Mapping[bytes, float] = {b"H": 3600, b"M": 60, b"S": 1, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def of_headers(headers: Sequence[Header]) -> tuple[bytes, bytes]:
    """`grpc-encoding` and `grpc-timeout`, b"" where there is none."""
    encoding = timeout = b""
    for name, value in headers:
        if name == b"grpc-encoding":
            encoding = value
        elif name == b"grpc-timeout":
            timeout = value
    return encoding, timeout


def timeout_s(value: bytes) -> float:
    """Seconds. Raises InvalidRequest where the header is not as gRPC writes it."""
    found = _TIMEOUT.fullmatch(value)
    if found is None:
        raise InvalidRequest(f"grpc-timeout {value[:20].decode('latin-1')!r} is no number with one of H, M, S, m, u, n")
    return int(found[1]) * _SECONDS[found[2]]
