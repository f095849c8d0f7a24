"""What SIGHUP asks of a server that runs as a service: to apply its files now, as `modelyard apply` does."""

import sys
from pathlib import Path

from modelyard.cli.control_client import RunningServer
from modelyard.config.diagnostic import SpecError
from modelyard.control.plan import NeedsConfirmation


def reload(state: Path, config_dir: Path) -> None:
    """Ask the server of this state folder; nobody waits for the answer, so what is wrong is printed."""
    try:
        RunningServer(state, config_dir).apply(allow_removals=False)
    except SpecError as error:
        _tell("\n".join(diagnostic.render() for diagnostic in error.diagnostics))
    except NeedsConfirmation as error:
        _tell(f"nothing is changed: {error}")
    except OSError as error:  # no server yet: it reads the files when it starts
        _tell(f"the files are not applied: {error}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - to the operator, or the service manager's log
