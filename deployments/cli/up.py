"""`modelyard up`: keeps the server running, and leaves nothing behind.

This process holds no Ray. It starts the server in a child, starts it again when Ray dies under it, and at the end sees
to it that every process below it has ended and every file of the run is gone.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from deployments.cli.places import only_server, places_of, prepare
from deployments.control.environment import EdgePorts, Places, server_environment
from deployments.control.ports import free_ports, haproxy_binary, in_use
from deployments.control.processes import adopt_orphans, end_descendants
from deployments.spec.load import Config

STOP_GRACE_S = 75.0
"""For the child to drain: as long as the longest ordinary request and Serve's own steps."""
STEADY_S = 60.0
"""A child that has lived so long was well: the next failure counts as the first."""
MOST_FAILURES = 5
FINE, FAILED, NODE_DIED = 0, 1, 75
"""Exit codes of the child; 75 is EX_TEMPFAIL of <sysexits.h>."""


class Supervisor:
    """Runs the server's process until told to stop."""

    def __init__(self, config_dir: Path, config: Config) -> None:
        self._config_dir = config_dir
        self._config = config
        self._places: Places = places_of(config)
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> int:
        """The command's exit code. Raises BlockingIOError where this configuration's server runs already."""
        with only_server(self._places):
            return self._run()

    def _run(self) -> int:
        for host, port in self._config.server.addresses:
            if in_use(host, port):
                print(f"error: {host}:{port} is in use", file=sys.stderr)  # noqa: T201 - to the operator
                return FAILED
        adopt_orphans()
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._stop)
        failures = 0
        while True:
            started = time.monotonic()
            code = self._run_once(resume=failures > 0)
            if self._stopping or code in (FINE, FAILED):
                return FINE if self._stopping else code
            failures = 1 if time.monotonic() - started > STEADY_S else failures + 1
            if failures > MOST_FAILURES:
                print(f"the server died {failures} times in a row: giving up", file=sys.stderr)  # noqa: T201 - to the operator
                return FAILED
            print("Ray died under the server: starting again", file=sys.stderr, flush=True)  # noqa: T201 - to the operator

    def _run_once(self, *, resume: bool) -> int:
        prepare(self._places)
        last_good = [str(self._places.last_good)] if resume else []
        command = [sys.executable, "-m", "deployments.cli.child", str(self._config_dir), *last_good]
        try:
            # A session of its own: Ctrl-C reaches this process alone, which then stops the child in good order.
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, env={**os.environ, **self._environment()}, start_new_session=True
            )
            return self._child.wait()
        finally:
            end_descendants(grace_s=2.0)
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
        self._stopping = True
        child = self._child
        if child is None or child.poll() is not None:
            return
        if child.stdin is not None:
            child.stdin.close()  # the child stops when its input ends
        signal.signal(signal.SIGALRM, lambda *_: child.kill())
        signal.alarm(int(STOP_GRACE_S))
