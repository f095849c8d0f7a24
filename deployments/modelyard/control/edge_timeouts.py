"""The models' time-outs in the running HAProxy: they apply in place, and HAProxy reads its map files only at its start."""

from collections.abc import Callable

from modelyard.edge.admin_socket import AdminError, pid_of, replace_map
from modelyard.edge.files import EdgeFiles
from modelyard.edge.model_maps import TIMEOUTS_FILE

MAX_FAILURES = 5
"""In a row, before the operator reads of them: a HAProxy that is starting has no admin socket yet."""


class EdgeTimeouts:
    """Sends the map to each HAProxy that may have started before the map was written."""

    def __init__(self, edge: EdgeFiles) -> None:
        self._edge = edge
        self._sent: tuple[int | None, str] | None = None
        """The process and the content that it has."""
        self._failures = 0

    def check(self, report: Callable[[str], None]) -> None:
        """Send what has changed; `report` gets the reason if that fails repeatedly, else ""."""
        try:
            self._send(self._edge.haproxy_pid())
        except (AdminError, OSError) as error:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                report(f"HAProxy has other time-outs of models than the configuration: {error}")
            return
        self._failures = 0
        report("")

    def _send(self, process: int | None) -> None:
        if process is None:
            return
        target = process, self._edge.timeouts()
        if target == self._sent:
            return
        sockets = [socket for socket in self._edge.admin_sockets() if pid_of(socket) == process]
        if not sockets:
            raise AdminError(f"process {process} does not answer at its admin socket yet")
        for socket in sockets:
            replace_map(socket, TIMEOUTS_FILE, target[1])
        self._sent = target
