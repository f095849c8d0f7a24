"""`modelyard up`: keeps the server running, and leaves nothing behind.

This process holds no Ray. It starts the server in a child, starts it again when Ray dies under it, and at the end sees
to it that every process below it has ended and every file of the run is gone.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from deployments.cli.places import only_server, places_of, prepare
from deployments.control.environment import EdgePorts, Places, server_environment
from deployments.control.ports import free_ports, haproxy_binary, in_use
from deployments.control.processes import adopt_orphans, end_descendants
from deployments.control.restarts import Restarts
from deployments.spec.load import Config

STOP_GRACE_S = 75.0
"""For the child to drain: as long as the longest ordinary request and Serve's own steps."""
FINE, FAILED, NODE_DIED, NOT_STARTED = 0, 1, 75, 71
"""Exit codes of the child; 75 is EX_TEMPFAIL of <sysexits.h>, 71 EX_OSERR: Ray or Serve did not start."""


class Supervisor:
    """Runs the server's process until told to stop."""

    def __init__(self, config_dir: Path, config: Config) -> None:
        self._config_dir = config_dir
        self._config = config
        self._places: Places = places_of(config)
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._restarts = Restarts()

    def run(self) -> int:
        """The command's exit code. Raises BlockingIOError where this configuration's server runs already."""
        with only_server(self._places):
            return self._run()

    def _run(self) -> int:
        for host, port in self._config.server.addresses:
            if in_use(host, port):
                _tell(f"error: {host}:{port} is in use")
                return FAILED
        adopt_orphans()
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._stop)
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                code = self._run_once(resume=self._restarts.has_been_up)
            except OSError as error:  # a full disk, say; a server that has been up is not given up for it
                if not self._restarts.has_been_up:
                    raise
                _tell(f"cannot start: {error}")
                code = NOT_STARTED
            if self._stopping.is_set() or code in (FINE, FAILED):
                return FINE if self._stopping.is_set() else code
            was_up = code != NOT_STARTED
            what = "Ray died under the server" if was_up else "Ray did not start"
            pause_s = self._restarts.failed(up_s=time.monotonic() - started if was_up else None)
            if pause_s is None:
                _tell(
                    f"{what}, {self._restarts.failures} times in a row: giving up; see {self._places.state / 'server.log'}"
                )
                return FAILED
            _tell(f"{what}: starting again in {pause_s:g} s")
            self._stopping.wait(pause_s)
        return FINE

    def _run_once(self, *, resume: bool) -> int:
        prepare(self._places)
        last_good = [str(self._places.last_good)] if resume else []
        command = [sys.executable, "-m", "deployments.cli.child", str(self._config_dir), *last_good]
        try:
            # A session of its own: Ctrl-C reaches this process alone, which then stops the child in good order.
            child = self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, env={**os.environ, **self._environment()}, start_new_session=True
            )
            if self._stopping.is_set():  # by a signal that found no child
                self._end(child)
            return child.wait()
        finally:
            end_descendants(grace_s=2.0)
            self._places.running.unlink(missing_ok=True)  # a child that was killed left it
            shutil.rmtree(self._places.run, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        serve, *others = free_ports(4)
        ports = EdgePorts(serve, *others)
        cores = len(os.sched_getaffinity(0))
        return {
            **server_environment(self._config.server, self._places, ports, haproxy_binary(), cores),
            "MODELYARD_SERVE_PORT": str(serve),
        }

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        if self._child is not None:
            self._end(self._child)

    @staticmethod
    def _end(child: "subprocess.Popen[bytes]") -> None:
        """The child stops when its input ends: at once where it is still starting, else when it has drained."""
        if child.poll() is not None:
            return
        if child.stdin is not None:
            child.stdin.close()
        signal.signal(signal.SIGALRM, lambda *_: child.kill())
        signal.alarm(int(STOP_GRACE_S))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - to the operator
