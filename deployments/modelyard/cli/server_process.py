"""The server's own process: `python -P -m modelyard.cli.server_process CONFIG_DIR ...`, started by `modelyard up` alone.

With --resume, the file of the last good configuration, a configuration that has a mistake by now does not keep the
server down: the last good one is served.
"""
# ruff: noqa: PLC0415 - the control socket is answered before what takes seconds to import

import argparse
import os
import shutil
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.cli.exit_codes import FINE, NOT_STARTED, REFUSED
from modelyard.control.api import ControlApi
from modelyard.control.control_server import ControlServer
from modelyard.control.live_state import LiveState
from modelyard.control.paths import paths_below
from modelyard.control.process_tree import end_descendants
from modelyard.control.restart_policy import NODE_DIED, ReadyFlag
from modelyard.control.worker_forks import WorkerForks

if TYPE_CHECKING:
    from modelyard.control.desired import ConfigReader, DesiredState
    from modelyard.control.last_good import LastGood
    from modelyard.control.reports import Report

MAX_LOG_BYTES = 4 * 2**20
LEAVE = b"leave"
"""From the supervisor, before the input ends: load balancers are to learn of it first."""


def main() -> int:  # noqa: PLR0915 - the order of the start, in one place
    """The supervisor decides by the exit code whether to start again."""
    supervisor, options = os.getppid(), _options()
    paths = paths_below(options.state)
    forks = WorkerForks(paths.run, paths.state / "server.log")  # at once: it imports for longer than this process
    stop, leaving, is_up = threading.Event(), threading.Event(), ReadyFlag(options.up_mark)
    threading.Thread(target=_stop_at_end_of_input, args=(stop, leaving, is_up), daemon=True).start()
    live = LiveState(approval=options.approve)
    api = ControlApi(live)
    if options.control is not None:
        listener = socket.socket(fileno=options.control)
        listener.set_inheritable(False)
        ControlServer(listener, api.respond).start()
    from modelyard.cli.terminal_report import TerminalReport, console
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.desired import ConfigReader
    from modelyard.control.events import EventFile
    from modelyard.control.last_good import LastGood
    from modelyard.control.reports import Reports
    from modelyard.control.writes import Writes

    terminal = TerminalReport(console(os.fdopen(os.dup(sys.stdout.fileno()), "w")))
    writes = Writes()
    report: Report = Reports(terminal, live, EventFile(options.state, writes))
    report.starting("reading the configuration and the repository")
    state = ConfigReader(options.folder, os.environ)
    last = LastGood.read(options.resume) if options.resume else LastGood()
    try:
        first = _first(state, last, report, approve=options.approve)
    except SpecError as error:
        report.mistakes(error)
        return REFUSED
    terminal.approval = live.approval = options.approve or not first.config.server.watch
    _divert_output(paths.state / "server.log")
    from modelyard.control.light_imports import import_serve

    import_serve()
    from modelyard.control.embedded import EmbeddedNode
    from modelyard.control.node import NodeDied
    from modelyard.control.runner import Runner
    from modelyard.edge.tls import TlsError

    port = int(os.environ["MODELYARD_SERVE_PORT"])
    node = EmbeddedNode(
        first, paths, serve_port=port, report=report, writes=writes, leaving=leaving, is_up=is_up, forks=forks
    )
    server = Runner(node, state, first, paths, report=report, writes=writes, stop=stop, approve=live.approval)
    server.answer_commands(live, api)
    try:
        server.run()
    except Exception as error:  # noqa: BLE001 - the operator reads why, and the supervisor starts the server again
        if not stop.is_set():
            report.trouble(f"Ray's {error} died" if isinstance(error, NodeDied) else f"{type(error).__name__}: {error}")
        if (
            isinstance(error, TlsError) and last.config is None
        ):  # else it served with TLS before: the files may come back
            return REFUSED
        return NODE_DIED if is_up.is_set() else NOT_STARTED
    finally:
        if os.getppid() != supervisor:  # it was killed, and does not tidy up
            end_descendants(grace_s=2.0)
            shutil.rmtree(paths.run, ignore_errors=True)
    return FINE


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--state", type=Path, required=True, help="the state folder")
    parser.add_argument("--up-mark", type=int, help="the file descriptor of an ReadyFlag")
    parser.add_argument("--control", type=int, help="the file descriptor of the control socket, which listens")
    parser.add_argument("--approve", action="store_true", help="changes wait for `modelyard apply`")
    parser.add_argument("--resume", type=Path, help="the last good configuration")
    return parser.parse_args()


def _first(state: "ConfigReader", last: "LastGood", report: "Report", *, approve: bool) -> "DesiredState":
    """What is served first. Raises SpecError where there is no last configuration in the place of one with mistakes."""
    from modelyard.control.removals import withheld

    if last.config and (approve or not last.config.server.watch):
        return state.resolved(last.config).pinned_to(last.applications)  # what has changed since waits for its approval
    first = state.read_settled(last.config)
    if last.config and (
        why := withheld(first.config, last.config.server, [model.name for model in last.config.models])
    ):
        report.trouble(f"{why}: the last configuration is served")
        return state.resolved(last.config)
    return first


def _divert_output(path: Path) -> None:
    """What Ray and its processes print goes to a file: the terminal is for the operator. The last words of the run before stay."""
    with suppress(OSError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:  # a disk that is full or read-only keeps no server down
        log = os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


def _stop_at_end_of_input(stop: threading.Event, leaving: threading.Event, is_up: ReadyFlag) -> None:
    """The supervisor closes this process's input to stop it, and the kernel does when the supervisor is killed.

    Not by a signal: Ray takes those for crashes and prints its stack. Where nothing is served yet there is nothing to drain, and
    Ray's start cannot be interrupted: the process ends at once, and what it has started before it.
    """
    # Not by sys.stdin: this thread would hold its lock when the interpreter ends, which aborts then.
    while word := os.read(sys.stdin.fileno(), 1024):
        if word == LEAVE:
            leaving.set()
    stop.set()
    if not is_up.is_set():
        end_descendants(grace_s=1.0)
        os._exit(FINE)


if __name__ == "__main__":
    sys.exit(main())
