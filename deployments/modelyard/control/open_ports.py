"""Checks that every configured port is open."""

import time
from collections.abc import Callable, Container

from modelyard.config.server_spec import ServerSpec
from modelyard.control.port_owner import listening

EVERY_S = 5.0
"""How often: the kernel's lists hold every connection."""


class OpenPorts:
    """Caches the result for EVERY_S."""

    def __init__(
        self,
        server: ServerSpec,
        *,
        ports: Callable[[], Container[int]] = listening,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._ports = ports
        self._now = now
        self._next = 0.0
        self._said = ""

    def closed(self) -> str:
        """The configured ports on which no process listens, for the operator; "" if all are open."""
        if self._now() >= self._next:
            self._next = self._now() + EVERY_S
            open_ports = self._ports()
            closed = [each for each in self._server.listeners if each[2] not in open_ports]
            self._said = "; ".join(f"{'.'.join(key)}: nothing listens on {host}:{port}" for key, host, port in closed)
        return self._said
