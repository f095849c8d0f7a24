"""The server's own process: `python -m deployments.cli.child CONFIG_DIR [LAST_GOOD]`, started by `modelyard up` alone.

With LAST_GOOD, the file of the last good configuration, a configuration that has a mistake by now does not keep the
server down: the last good one is served.
"""

import os
import sys
import threading
from pathlib import Path

from deployments.cli.places import places_of
from deployments.cli.report import TerminalReport, console
from deployments.cli.up import FAILED, FINE, NODE_DIED, NOT_STARTED
from deployments.control.absence import withheld
from deployments.control.desired import DesiredState
from deployments.control.last_good import LastGood
from deployments.control.processes import end_descendants
from deployments.edge.tls import TlsError
from deployments.spec.diagnostic import SpecError


def main() -> int:
    """The exit code tells the supervisor whether to start again."""
    stop = threading.Event()
    is_up = threading.Event()
    threading.Thread(target=_stop_at_end_of_input, args=(stop, is_up), daemon=True).start()
    report = TerminalReport(console(os.fdopen(os.dup(sys.stdout.fileno()), "w")))
    state = DesiredState(Path(sys.argv[1]), os.environ)
    report.starting("reading the configuration and the repository")
    last = LastGood.read(Path(sys.argv[2])).config if len(sys.argv) > 2 else None
    try:
        first = state.read_settled(last)
        if last and (why := withheld(first.config, last.server, [model.name for model in last.models])):
            report.trouble(f"{why}: the last configuration is served")
            first = state.resolved(last)
    except SpecError as error:
        report.mistakes(error)
        return FAILED
    places = places_of(first.config)
    _divert_output(places.state / "server.log")
    from deployments.control.server import EmbeddedServer  # noqa: PLC0415 - Ray takes seconds to import
    from deployments.control.watch import NodeDied  # noqa: PLC0415

    serve_port = int(os.environ["MODELYARD_SERVE_PORT"])
    server = EmbeddedServer(state, first, places, serve_port=serve_port, report=report, stop=stop, is_up=is_up)
    try:
        server.run()
    except Exception as error:  # noqa: BLE001 - the operator reads why, and the supervisor starts the server again
        if not stop.is_set():
            report.trouble(f"Ray's {error} died" if isinstance(error, NodeDied) else f"{type(error).__name__}: {error}")
        if isinstance(error, TlsError) and last is None:  # else it served with TLS before: the files may come back
            return FAILED
        return NODE_DIED if is_up.is_set() else NOT_STARTED
    return FINE


def _divert_output(path: Path) -> None:
    """What Ray and its processes print goes to a file: the terminal is for the operator."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


def _stop_at_end_of_input(stop: threading.Event, is_up: threading.Event) -> None:
    """The supervisor closes this process's input to stop it, and the kernel does when the supervisor is killed.

    Not by a signal: Ray takes those for crashes and prints its stack. Where nothing is served yet there is nothing to drain, and
    Ray's start cannot be interrupted: the process ends at once, and what it has started before it.
    """
    while sys.stdin.buffer.read(1024):
        pass
    stop.set()
    if not is_up.is_set():
        end_descendants(grace_s=1.0)
        os._exit(FINE)


if __name__ == "__main__":
    sys.exit(main())
