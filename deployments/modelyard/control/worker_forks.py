"""Starts the fork server of Ray's workers, and starts it again when it has ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from modelyard.control import fork_client

SERVER = "modelyard.control.fork_server"
SOCKET = "workers.sock"
BACKLOG = 64
NO_JOB = "ffffffff"
"""Of a worker that gets its job with its first task."""
TITLE_SPACE = "_" * 128
"""Ray writes the title of a worker over the arguments of its process."""
RESTART_S = 10.0
"""From one start to the next, should the fork server end at once. Workers start without it meanwhile."""


class WorkerForks:
    """The fork server, a child of this process. It ends with this process."""

    def __init__(self, folder: Path, log: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Start it with its socket in `folder`, which no other user may enter. What it prints goes to the file `log`.

        If it cannot be started, workers start without it.
        """
        self._socket = folder / SOCKET
        self._log = log
        self._now = now
        self._modules: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = now()
        self._start()

    def worker_command(self) -> list[str]:
        """What the raylet puts between the interpreter and the script of a worker."""
        return ["-I", "-S", fork_client.__file__, str(self._socket)]

    def preload(self, modules: Iterable[str]) -> None:
        """Import these too, for the workers that start from now on."""
        more = set(modules) - self._modules
        self._modules |= more
        self._send(more)

    def check(self) -> None:
        """Start it again if it has ended."""
        has_ended = self._process is None or self._process.poll() is not None
        if has_ended and self._now() - self._started > RESTART_S:
            self.close()
            self._started = self._now()
            self._start()
            self._send(self._modules)

    def close(self) -> None:
        """End it. Its workers end with Ray."""
        if (process := self._process) is None:
            return
        process.kill()
        process.wait()
        if process.stdin:
            with suppress(OSError):  # what was not written
                process.stdin.close()

    def _start(self) -> None:
        self._process = None
        with suppress(OSError):  # no folder, or a full disk
            self._process = self._started_process()

    def _started_process(self) -> subprocess.Popen[bytes]:
        try:
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:  # a disk that is full or read-only
            log = os.open(os.devnull, os.O_WRONLY)
        self._socket.unlink(missing_ok=True)
        # It listens from here on: clients wait while the fork server imports. Here it is closed: they notice when it has ended.
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._socket))
            listener.listen(BACKLOG)
            try:
                return subprocess.Popen(
                    [sys.executable, "-P", "-m", SERVER, str(listener.fileno()), TITLE_SPACE],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    # Ray reads these when it is imported. A worker ends when the process RAY_RAYLET_PID has ended: for a fork
                    # that is this process, which ends when the raylet does.
                    env={**os.environ, "RAY_JOB_ID": NO_JOB, "RAY_RAYLET_PID": str(os.getpid())},
                    pass_fds=(listener.fileno(),),
                )
            finally:
                os.close(log)

    def _send(self, modules: Iterable[str]) -> None:
        if (
            self._process
            and (stdin := self._process.stdin)
            and (lines := "".join(f"{name}\n" for name in sorted(modules)))
        ):
            with suppress(OSError):  # it has ended; `check` starts it again
                stdin.write(lines.encode())
                stdin.flush()
