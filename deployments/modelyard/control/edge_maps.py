"""The maps of models in the running HAProxy: they change in place, and HAProxy reads its map files only at its start."""

from collections.abc import Callable, Mapping
from pathlib import Path

from modelyard.edge.admin_socket import AdminError, has_key, pid_of, replace_map
from modelyard.edge.files import EdgeFiles
from modelyard.edge.model_maps import REPLICAS_FILE

MAX_FAILURES = 5
"""In a row, before the operator reads of them: a HAProxy that is starting has no admin socket yet."""


class EdgeMaps:
    """Sends maps that have changed to each HAProxy that may have started before they were written."""

    def __init__(self, edge: EdgeFiles) -> None:
        self._edge = edge
        self._process: int | None = None
        """The process that has `_sent`."""
        self._sent: Mapping[str, str] = {}
        self._failures = 0

    def check(self, report: Callable[[str], None]) -> None:
        """Send what has changed; `report` gets the reason if that fails repeatedly, else ""."""
        try:
            self._send(self._edge.haproxy_pid())
        except (AdminError, OSError) as error:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                report(f"HAProxy has other models or timeouts than the configuration: {error}")
            return
        self._failures = 0
        report("")

    def reaches(self, application: str) -> bool:
        """Whether the running HAProxy has replicas of this application of Serve."""
        process = self._edge.haproxy_pid()
        try:
            return any(has_key(socket, REPLICAS_FILE, application) for socket in self._sockets(process))
        except (AdminError, OSError):  # it is starting
            return False

    def _send(self, process: int | None) -> None:
        if process is None:
            return
        if process != self._process:
            self._process, self._sent = process, {}
        maps = self._edge.live_maps()
        changed = {name: content for name, content in maps.items() if content != self._sent.get(name)}
        if not changed:
            return
        for socket in self._sockets(process):
            for name, content in changed.items():
                replace_map(socket, name, content)
        self._sent = maps

    def _sockets(self, process: int | None) -> list[Path]:
        sockets = [socket for socket in self._edge.admin_sockets() if pid_of(socket) == process]
        if not sockets:
            raise AdminError(f"process {process} does not respond at its admin socket yet")
        return sockets
