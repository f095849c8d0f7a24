"""A standby for HAProxy: when Serve's dies, one of ours serves at once, until Serve has restarted its own three seconds later."""

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

DRAIN_S = 1.0
"""How long `close` waits for standbys that drain."""
TICK_S = 0.1
"""How often a restarted HAProxy of Serve's is looked up. The end of one is noticed at once."""


class HaproxyStandby:
    """Watches Serve's HAProxy, in a thread of its own."""

    def __init__(self, edge: EdgeFiles, report: Callable[[str], None]) -> None:
        self._edge = edge
        self._report = report
        self._sockets = ListeningSockets(edge.sockets_path)
        self._running: subprocess.Popen[bytes] | None = None
        self._draining: list[subprocess.Popen[bytes]] = []
        """Standbys that finish their requests, after Serve's HAProxy has taken over."""
        self._watched = 0
        """The process id of Serve's HAProxy whose listening sockets are duplicated here."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standby", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and the standby; called before Serve stops its HAProxy."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._running:
            self._running.kill()
            self._running.wait()
        for process in self._draining:
            try:
                process.wait(DRAIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._sockets.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            pid = self._edge.haproxy_pid()
            if pid is None or (pid != self._watched and not self._takes_over(pid)):
                self._stop.wait(TICK_S)
            elif self._has_ended(pid) and pid == self._edge.haproxy_pid() and not self._running:
                self._start_standby()

    def _takes_over(self, pid: int) -> bool:
        """Whether this HAProxy of Serve's serves; then the standby ends."""
        try:
            admin = next((path for path in self._edge.admin_sockets() if pid_of(path) == pid), None)
            if admin is None:
                return False
            self._sockets.fetch(admin)
        except (AdminError, OSError):  # it is starting, or has died
            return False
        self._watched = pid
        if self._running:
            self._running.send_signal(signal.SIGUSR1)  # it finishes its requests, and ends
            self._draining = [each for each in self._draining if each.poll() is None] + [self._running]
            self._running = None
        return True

    def _has_ended(self, pid: int) -> bool:
        """Whether the process ends within TICK_S."""
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

    def _start_standby(self) -> None:
        if self._stop.is_set():
            return
        with suppress(OSError):
            self._running = subprocess.Popen(self._edge.standby_command(), stdin=subprocess.DEVNULL)
            self._report("HAProxy has died: a standby serves until Ray Serve has restarted it")
