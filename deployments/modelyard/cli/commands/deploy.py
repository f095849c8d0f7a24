"""Subcommands that show or make changes of what is served."""
# ruff: noqa: PLC0415 - see the package

from dataclasses import asdict
from typing import Annotated

import typer

from modelyard.cli.command_options import (
    DEFAULT_CONFIG,
    AllowRemovals,
    ConfigDir,
    ModelName,
    Output,
    OutputFormat,
)
from modelyard.cli.command_output import FAILED, err, out, print_actions, print_json, reported_errors
from modelyard.cli.model_table import status_table
from modelyard.cli.terminal_report import width_of
from modelyard.control.plan import CONFIRM

CHANGES = 2
"""Exit code of `plan --exit-code` if there are changes."""


def plan(
    config: ConfigDir = DEFAULT_CONFIG,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with code 2 if there are changes.")] = False,
    output: Output = OutputFormat.text,
) -> None:
    """Show what `apply` would add, restart, scale or remove, and why."""
    from modelyard.cli.changes import plan_changes

    with reported_errors(output):
        planned = plan_changes(config)
    if output is OutputFormat.json:
        print_json({"actions": [asdict(action) for action in planned.actions], "withheld": planned.withheld})
    else:
        print_actions(planned.actions)
        if planned.withheld:
            err.print(f"warning: {planned.withheld}; not applied without {CONFIRM}", markup=False)
    if planned.refused:
        raise typer.Exit(FAILED)
    raise typer.Exit(CHANGES if exit_code and planned.actions else 0)


def apply(
    config: ConfigDir = DEFAULT_CONFIG,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every model is READY or has failed.")] = False,
    timeout_s: Annotated[float, typer.Option(help="With --wait: maximum seconds to wait.")] = 600,
    allow_removals: AllowRemovals = False,
    output: Output = OutputFormat.text,
) -> None:
    """Apply the configuration to the running server."""
    from modelyard.cli.changes import apply_changes

    with reported_errors(output):
        applied = apply_changes(config, allow_removals=allow_removals, wait_s=timeout_s if wait else None)
    if output is OutputFormat.json:
        models = None if applied.statuses is None else [status.as_json() for status in applied.statuses]
        print_json({"actions": [asdict(action) for action in applied.actions], "models": models})
    else:
        print_actions(applied.actions)
        if applied.statuses is not None:
            out.print(status_table(applied.statuses, width=width_of(out)))
    failed = any(status.reason or status.state != "READY" for status in applied.statuses or ())
    raise typer.Exit(FAILED if applied.refused or failed else 0)


def rollback(
    name: ModelName,
    config: ConfigDir = DEFAULT_CONFIG,
    to: Annotated[
        int | None,
        typer.Option(min=1, help="Version to roll back to. Default: the one before the current default version."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change without writing the file.")] = False,
    timeout_s: Annotated[float, typer.Option(help="Maximum seconds to wait until the version is READY.")] = 600,
) -> None:
    """Roll a model back to another version: edit its file, show the change, and apply it."""
    from modelyard.cli.rollback_edit import apply_edit, rollback_edit

    with reported_errors():
        edit = rollback_edit(config, name, to)
        out.print(edit.diff(), markup=False)
        status = None if dry_run else apply_edit(config, name, edit, timeout_s)
    if status is not None:
        out.print(status_table([status], width=width_of(out)))
        raise typer.Exit(0 if status.state == "READY" and not status.reason else FAILED)
    if not dry_run:
        out.print(f"no server is running: wrote {edit.path}, which takes effect at the next start", markup=False)
