"""The server's own process: `python -m deployments.cli.child CONFIG_DIR [LAST_GOOD]`, started by `modelyard up` alone.

With LAST_GOOD, the file of the last good configuration, a configuration that has a mistake by now does not keep the
server down: the last good one is served.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from deployments.cli.places import places_of
from deployments.cli.report import TerminalReport
from deployments.cli.up import FAILED, FINE, NODE_DIED
from deployments.control.desired import DesiredState
from deployments.control.last_good import LastGood
from deployments.control.processes import die_with_parent
from deployments.spec.diagnostic import SpecError


def main() -> int:
    """The exit code tells the supervisor whether to start again."""
    die_with_parent()
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    report = TerminalReport()
    state = DesiredState(Path(sys.argv[1]), os.environ)
    report.starting("reading the configuration and the repository")
    try:
        first = state.read_settled(LastGood.read(Path(sys.argv[2])).config if len(sys.argv) > 2 else None)
    except SpecError as error:
        report.mistakes(error)
        return FAILED
    from deployments.control.server import EmbeddedServer, NodeDied  # noqa: PLC0415 - Ray takes seconds to import

    places = places_of(first.config)
    server = EmbeddedServer(state, first, places, int(os.environ["MODELYARD_SERVE_PORT"]), report, stop)
    try:
        server.run()
    except NodeDied as error:
        report.trouble(f"Ray's {error} died")
        return NODE_DIED
    except Exception as error:  # noqa: BLE001 - the operator reads why; a server that was up is started again
        report.trouble(f"{type(error).__name__}: {error}")
        return NODE_DIED if server.was_up else FAILED
    return FINE


if __name__ == "__main__":
    sys.exit(main())
