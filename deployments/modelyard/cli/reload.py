"""Applies the files on SIGHUP, as `modelyard apply` does, for a server that runs as a service."""

import sys
from pathlib import Path

from modelyard.cli.control_client import RunningServer
from modelyard.config.diagnostic import SpecError
from modelyard.control.plan import NeedsConfirmation


def reload(state: Path, config_dir: Path) -> None:
    """Make the server of this state folder apply its files. Errors are printed, since no caller waits for the result."""
    try:
        RunningServer(state, config_dir).apply(allow_removals=False)
    except SpecError as error:
        _print("\n".join(diagnostic.render() for diagnostic in error.diagnostics))
    except NeedsConfirmation as error:
        _print(f"no changes applied: {error}")
    except OSError as error:  # no server yet: it will read the files when it starts
        _print(f"the files were not applied: {error}")


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the operator or the service manager's log
