"""HAProxy's connection limits, derived from its limit of open files."""

import resource
import sys
from dataclasses import dataclass

FILES_PER_CONNECTION = 2.5
"""Both sides of a connection, and pipes for every fourth, as HAProxy 2.8 counts them. HAProxy refuses to start with fewer."""
OTHER_FILES = 100
PORTS = 2
"""HTTP and gRPC. Each has its own limit, so that one cannot use up the other's connections."""
SOCKETS_PER_PORT = 2
"""Clients' own, and the forwarding socket: a request whose body is too large for a retry passes HAProxy twice
(`edge/takeover.py`)."""
OTHER_CONNECTIONS = 30
"""Connections of Prometheus, and to Serve's own ports."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Client connections on each port, and connections of the whole process."""

    per_port: int
    total: int


def max_open_files() -> int:
    """The hard limit of open files of this user's processes (`ulimit -Hn`), which HAProxy uses as its own limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def connection_limits(wanted: int, files: int) -> ConnectionLimits:
    """Limits with `wanted` connections on each port, or as many as `files` open files allow."""
    most = int((files - OTHER_FILES) / FILES_PER_CONNECTION)
    per_port = max(1, min(wanted, (most - OTHER_CONNECTIONS) // (PORTS * SOCKETS_PER_PORT)))
    return ConnectionLimits(per_port, PORTS * SOCKETS_PER_PORT * per_port + OTHER_CONNECTIONS)
