"""`grpc-timeout`: how long a client will wait. Pure."""

import re
from collections.abc import Mapping

from modelyard.errors import InvalidRequest

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Mapping[bytes, float] = {b"H": 3600, b"M": 60, b"S": 1, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def timeout_s(value: bytes) -> float:
    """Seconds. Raises InvalidRequest where the header is not as gRPC writes it."""
    found = _TIMEOUT.fullmatch(value)
    if found is None:
        raise InvalidRequest(f"grpc-timeout {value[:20].decode('latin-1')!r} is no number with one of H, M, S, m, u, n")
    return int(found[1]) * _SECONDS[found[2]]
