"""How many connections HAProxy lets in, as far as it may open files for them."""

import resource
import sys
from dataclasses import dataclass

FILES = 2.5
"""For each connection: both of its sides, and pipes for every fourth, as HAProxy 2.8 counts. It does not start where it may open
fewer."""
OTHER_FILES = 100
PORTS = 2
"""HTTP's and gRPC's. What comes to one leaves room for the other."""
SIDES = 2
"""A request whose body is too large to be sent again comes in by HAProxy's own door besides (`edge/takeover.py`)."""
OTHERS = 30
"""Connections of Prometheus, and of whoever looks at Serve's own ports."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Client connections on each port, and connections in all."""

    on_a_port: int
    in_all: int


def most_files() -> int:
    """How many files a process of this user may open at most, which HAProxy makes its limit (`ulimit -Hn`)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def connections(wanted: int, files: int) -> Connections:
    """Those that are `wanted` on each port, or as many as there may be with so many open files."""
    most = int((files - OTHER_FILES) / FILES)
    on_a_port = max(1, min(wanted, (most - OTHERS) // (PORTS * SIDES)))
    return Connections(on_a_port, PORTS * SIDES * on_a_port + OTHERS)
