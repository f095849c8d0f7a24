"""What subcommands print: results, plans, and the errors that end them."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from modelyard.cli.command_options import OutputFormat
from modelyard.cli.terminal_report import action_line, console
from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.control.plan import CONFIRM, NeedsConfirmation

if TYPE_CHECKING:
    from modelyard.control.plan import Action

FAILED = 1
out = console()
err = console(stderr=True)


@contextmanager
def reported_errors(output: OutputFormat = OutputFormat.text) -> Iterator[None]:
    """Print errors of the block and end the command with exit code 1: invalid configuration, no server, or OSError."""
    try:
        yield
    except SpecError as error:
        if output is OutputFormat.json:
            print_json({"valid": False, "errors": [diagnostic.as_json() for diagnostic in error.diagnostics]})
        else:
            print_diagnostics(error.diagnostics)
        raise typer.Exit(FAILED) from None
    except OSError as error:  # no server, a lock that is held, a state folder that cannot be created
        err.print(f"error: {error}", markup=False)
        raise typer.Exit(FAILED) from None
    except NeedsConfirmation as error:
        err.print(f"error: no changes applied: {error}; if this is intended, confirm with {CONFIRM}", markup=False)
        raise typer.Exit(FAILED) from None


def print_json(value: Any) -> None:
    """Print JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print each to standard error."""
    for diagnostic in diagnostics:
        err.print(diagnostic.render(), markup=False)


def print_actions(actions: "Sequence[Action]") -> None:
    """Print a plan, one line for each action."""
    for action in actions:
        out.print(action_line(action), markup=False)
    if not actions:
        out.print("no changes")
