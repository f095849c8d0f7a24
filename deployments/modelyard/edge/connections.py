"""How many connections HAProxy lets in, as far as it may open files for them."""

import resource
import sys
from dataclasses import dataclass

FILES_PER_CONNECTION = 2.5
"""For each connection: both of its sides, and pipes for every fourth, as HAProxy 2.8 counts. It does not start where it may open
fewer."""
OTHER_FILES = 100
PORTS = 2
"""HTTP's and gRPC's. What comes to one leaves room for the other."""
SOCKETS_PER_PORT = 2
"""A request whose body is too large to be sent again comes in by HAProxy's own door besides (`edge/takeover.py`)."""
OTHER_CONNECTIONS = 30
"""ConnectionLimits of Prometheus, and of whoever looks at Serve's own ports."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Client connections on each port, and connections in all."""

    per_port: int
    total: int


def max_open_files() -> int:
    """How many files a process of this user may open at most, which HAProxy makes its limit (`ulimit -Hn`)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def connection_limits(wanted: int, files: int) -> ConnectionLimits:
    """Those that are `wanted` on each port, or as many as there may be with so many open files."""
    most = int((files - OTHER_FILES) / FILES_PER_CONNECTION)
    per_port = max(1, min(wanted, (most - OTHER_CONNECTIONS) // (PORTS * SOCKETS_PER_PORT)))
    return ConnectionLimits(per_port, PORTS * SOCKETS_PER_PORT * per_port + OTHER_CONNECTIONS)
