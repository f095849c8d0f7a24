"""The maps of models in the running HAProxy: they change in place, and HAProxy reads its map files only at its start."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from modelyard.edge.admin_socket import AdminError, AdminSession, session
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
        try:
            with self._session(self._edge.haproxy_pid()) as haproxy:
                return haproxy.has_key(REPLICAS_FILE, application)
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
        with self._session(process) as haproxy:
            for name, content in changed.items():
                haproxy.replace_map(name, content)
        self._sent = maps

    @contextmanager
    def _session(self, process: int | None) -> Iterator[AdminSession]:
        for admin in self._edge.admin_sockets():
            with session(admin) as haproxy:
                if haproxy.pid() == process:
                    yield haproxy
                    return
        raise AdminError(f"process {process} does not respond at its admin socket yet")
