"""HAProxy when it dies: one of ours stands in at once, until Ray Serve has started its own again, which takes it three seconds."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

from modelyard.edge.admin_socket import AdminError, pid_of
from modelyard.edge.files import EdgeFiles
from modelyard.edge.listening_sockets import ListeningSockets

TICK_S = 0.1
"""How often a new HAProxy of Serve's is looked for. The end of one is seen at once."""


class HaproxyStandby:
    """Watches Serve's HAProxy, in a thread of its own."""

    def __init__(self, edge: EdgeFiles, report: Callable[[str], None]) -> None:
        self._edge = edge
        self._report = report
        self._sockets = ListeningSockets(edge.sockets_path)
        self._running: subprocess.Popen[bytes] | None = None
        self._watched = 0
        """The process id of Serve's HAProxy, once its sockets are kept."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def close(self) -> None:
        """Before Serve ends its HAProxy."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._running:
            self._running.kill()
            self._running.wait()
        self._sockets.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            pid = self._edge.haproxy_pid()
            if pid is None or (pid != self._watched and not self._takes_over(pid)):
                self._stop.wait(TICK_S)
            elif self._has_ended(pid) and pid == self._edge.haproxy_pid() and not self._running:
                self._stand_in()

    def _takes_over(self, pid: int) -> bool:
        """Whether this HAProxy of Serve's serves by now; then nobody stands in any more."""
        try:
            admin = next((path for path in self._edge.admin_sockets() if pid_of(path) == pid), None)
            if admin is None:
                return False
            self._sockets.fetch(admin)
        except (AdminError, OSError):  # it is starting, or has died meanwhile
            return False
        self._watched = pid
        if self._running:
            self._running.send_signal(signal.SIGUSR1)  # it answers what it has, and ends
            self._running = None
        return True

    def _has_ended(self, pid: int) -> bool:
        """Within a moment."""
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            self._stop.wait(TICK_S)
            return True
        try:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            return bool(poll.poll(TICK_S * 1000))
        finally:
            os.close(process)

    def _stand_in(self) -> None:
        if self._stop.is_set():
            return
        with suppress(OSError):
            self._running = subprocess.Popen(self._edge.standby_command(), stdin=subprocess.DEVNULL)
            self._report("HAProxy has died: another one stands in until Ray Serve has started it again")
