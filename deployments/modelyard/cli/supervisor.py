"""`modelyard up`: keeps the server running, and leaves nothing behind.

This process holds no Ray. It starts the server in a child, starts it again when Ray dies under it, and at the end sees
to it that every process below it has ended and every file of the run is gone.
"""

import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType

from modelyard.cli.exit_codes import FINE, NOT_STARTED, REFUSED, meaning_of
from modelyard.cli.port_conflicts import claimed_ports
from modelyard.cli.reload import reload
from modelyard.cli.server_process import LEAVE
from modelyard.cli.terminal_report import stamp
from modelyard.config.load import Config
from modelyard.control import control_socket
from modelyard.control.api import ControlApi
from modelyard.control.control_server import ControlServer
from modelyard.control.environment import EdgePorts, server_environment
from modelyard.control.events import EventFile
from modelyard.control.live_state import LiveState
from modelyard.control.paths import ServerPaths, create_folders, paths_of, state_folder_lock
from modelyard.control.ports import free_ports, haproxy_binary
from modelyard.control.process_tree import adopt_orphans, end_descendants
from modelyard.control.restart_policy import ReadyFlag, Restarts
from modelyard.control.writes import Writes
from modelyard.edge.connections import max_open_files

FAILED = 1
"""Exit code of the command."""
STOP_GRACE_S = 75
"""For the child to drain: as long as the longest ordinary request and Serve's own steps."""
ABORT_S = 5
"""For a child that serves nothing yet: Ray's start may hold the interpreter's lock while it waits for a process that has ended."""


class Supervisor:
    """Runs the server's process until `stop`."""

    def __init__(self, config_dir: Path, config: Config, *, approve: bool = False, resume: bool = False) -> None:
        """`approve`: changes wait for `modelyard apply`. `resume`: the files have mistakes; `config` is what was served last."""
        self._config_dir = config_dir
        self._approve = approve
        self._resume = resume
        self._config = config
        self._paths: ServerPaths = paths_of(config)
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._restarts = Restarts()
        self._events = EventFile(self._paths.state, Writes())
        self._mark = ReadyFlag()
        self._live = LiveState(approval=approve)
        self._control: socket.socket | None = None
        self._fallback_api: ControlServer | None = None
        """Answers at the control socket while there is no child."""

    def run(self) -> int:
        """The command's exit code. Raises BlockingIOError where this configuration's server runs already, and SpecError where a
        port is in use."""
        with (
            state_folder_lock(self._paths),
            claimed_ports(self._config_dir, self._config),
            self._control_socket(),
        ):
            return self._run()

    @contextmanager
    def _control_socket(self) -> Iterator[None]:
        """Serves without one where the file system has none; the commands then join Ray to ask."""
        try:
            self._control = control_socket.listen(self._paths.state)
        except OSError as error:
            self._print_line(f"no control socket: {self._paths.state / control_socket.NAME}: {error}")
            yield
            return
        self._fallback_api = ControlServer(self._control, ControlApi(self._live).respond)
        try:
            yield
        finally:
            with suppress(OSError):  # a disk that is read-only by now
                control_socket.remove(self._paths.state)
            self._control.close()

    def _run(self) -> int:
        adopt_orphans()
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, self._stop)
        # A terminal that closes says so with this signal; elsewhere it is a service manager's word for reading the files again.
        signal.signal(signal.SIGHUP, self._stop if sys.stdin.isatty() else self._reload)
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                code = self._run_once(resume=self._resume or self._restarts.has_been_up)
            except OSError as error:  # a full disk, say; a server that has been up is not given up for it
                if not self._restarts.has_been_up:
                    raise
                self._print_line(f"cannot start: {error}")
                code = NOT_STARTED
            if self._stopping.is_set() or code == FINE:
                return FINE
            if code == REFUSED:
                return FAILED
            was_up = code != NOT_STARTED
            what = "Ray died under the server" if was_up else "the server did not start"
            pause_s = self._restarts.failed(up_s=time.monotonic() - started if was_up else None)
            if pause_s is None:
                self._print_line(
                    f"{what}, {self._restarts.failures} times in a row: giving up; see {self._paths.state / 'server.log'}"
                )
                return FAILED
            self._print_line(f"{what}: starting again in {pause_s:g} s")
            self._stopping.wait(pause_s)
        return FINE

    def _run_once(self, *, resume: bool) -> int:
        create_folders(self._paths)
        self._mark.close()
        self._mark = ReadyFlag()
        command = [
            # -P: nothing is imported from the current directory, which is the operator's.
            *(sys.executable, "-P", "-m", "modelyard.cli.server_process", str(self._config_dir)),
            *("--state", str(self._paths.state)),
            *("--up-mark", str(self._mark.descriptor)),
            *(("--approve",) if self._approve else ()),
            *(("--resume", str(self._paths.last_good)) if resume else ()),
            *(("--control", str(self._control.fileno())) if self._control else ()),
        ]
        try:
            # A new session: Ctrl-C reaches only this process, which then stops the child cleanly.
            child = self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                env={**os.environ, **self._environment()},
                start_new_session=True,
                pass_fds=(self._mark.descriptor, *((self._control.fileno(),) if self._control else ())),
            )
            if self._fallback_api:
                self._fallback_api.stop()
            if self._stopping.is_set():  # by a signal that found no child
                self._end(child)
            code = _wait(child)
            return meaning_of(code, was_up=self._mark.is_set())
        finally:
            if self._fallback_api:
                self._live.down("the server's process has ended")
                self._fallback_api.start()
            end_descendants(grace_s=2.0)
            with suppress(OSError):
                self._paths.running.unlink(missing_ok=True)  # a child that was killed leaves it
            shutil.rmtree(self._paths.run, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        serve, *others = free_ports(4)
        ports = EdgePorts(serve, *others)
        cores = len(os.sched_getaffinity(0))
        return {
            **server_environment(
                self._config.server, self._paths, ports, haproxy_binary(), cores=cores, files=max_open_files()
            ),
            "MODELYARD_SERVE_PORT": str(serve),
        }

    def _stop(self, sign: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            return  # by the first signal, and a second one does not hurry it
        self._stopping.set()
        if self._child is not None:
            self._end(self._child, leaves=sign == signal.SIGTERM)

    def _reload(self, _sign: int, _frame: FrameType | None) -> None:
        threading.Thread(target=reload, args=(self._paths.state, self._config_dir), name="reload", daemon=True).start()

    def _print_line(self, text: str) -> None:
        self._live.down(text)
        self._events.trouble(text)
        with suppress(OSError):  # a terminal that is gone, a file on a full disk
            print(f"{stamp(datetime.now())}  {text}", file=sys.stderr, flush=True)  # noqa: T201 - to the operator

    def _end(self, child: "subprocess.Popen[bytes]", *, leaves: bool = False) -> None:
        """The child stops when its input ends: at once where it is still starting, else when it has drained. `leaves`: it is not
        ready for a while before, so that load balancers send nothing more."""
        if child.poll() is not None:
            return
        if child.stdin is not None:
            with suppress(BrokenPipeError):
                child.stdin.write(LEAVE if leaves else b"")
                child.stdin.close()
        signal.signal(signal.SIGALRM, lambda *_: child.kill())
        grace_s = STOP_GRACE_S + math.ceil(self._config.server.drain_s)
        signal.alarm(grace_s if self._mark.is_set() else ABORT_S)


def _wait(child: "subprocess.Popen[bytes]") -> int:
    """The exit code of the child. Handlers of signals run meanwhile.

    Python runs them in the main thread, and the kernel may deliver a signal to another one. A main thread in waitpid(2) notices
    it when the child ends. So it waits at a pipe, which gets a byte for every signal and for the end of the child.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wait() -> None:
        child.wait()
        os.write(writing, b"0")

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    waiting = threading.Thread(target=wait, name="child", daemon=True)
    waiting.start()
    try:
        while child.returncode is None:
            os.read(reading, 1)
    finally:
        signal.set_wakeup_fd(before)
    waiting.join()  # it still writes to the pipe
    os.close(reading)
    os.close(writing)
    return child.returncode
