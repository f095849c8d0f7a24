"""The `modelyard` command: each subcommand reads as what it does; the work is below `control` and `spec`.

Exit codes: 0 fine, 1 invalid or failed, 2 usage.
"""
# ruff: noqa: PLC0415 - each command imports what it needs: `--help` waits for no specs, and only what talks to Ray for Ray

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelyard.cli.model_table import status_table
from modelyard.cli.report import action_line, console, width_of
from modelyard.config.diagnostic import SpecError
from modelyard.control.plan import CONFIRM, NeedsConfirmation

if TYPE_CHECKING:
    from modelyard.config.load import Config
    from modelyard.control.plan import Action

FAILED = 1
CHANGES = 2
"""Of `plan --exit-code`."""

app = typer.Typer(
    help="Serve models from a repository and a few lines of YAML, on Ray Serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")
out = console()
err = console(stderr=True)


class Shown(StrEnum):
    """The form of a table."""

    text = "text"
    wide = "wide"
    json = "json"


class Cut(StrEnum):
    """The form of a live table."""

    text = "text"
    wide = "wide"


class Output(StrEnum):
    """The form of what is printed."""

    text = "text"
    json = "json"


ConfigDir = Annotated[Path, typer.Option("--config", "-c", help="The configuration folder.")]
Form = Annotated[Output, typer.Option("-o", "--output", help="text, or json for programs.")]
TableForm = Annotated[
    Shown, typer.Option("-o", "--output", help="text, cut to the terminal's width; wide, uncut; json for programs.")
]
AllowRemovals = Annotated[
    bool, typer.Option(CONFIRM, help="Confirm that most models, or server.yaml, were removed on purpose.")
]
Since = Annotated[str, typer.Option(help="How far back: 30s, 10m, 2h, 1d, or a time such as 2026-11-25T20:12.")]
HERE = Path("serve_config")


@app.command()
def up(
    config: ConfigDir = HERE,
    allow_removals: AllowRemovals = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Show what changed files would change, and wait for `modelyard apply`.")
    ] = False,
) -> None:
    """Start the server in the foreground, apply the configuration, and watch it."""
    from modelyard.cli.cluster import serve_cluster
    from modelyard.cli.lost_models import first_config, refuse_emptied
    from modelyard.cli.supervisor import Supervisor

    with _mistakes_told(Output.text):
        loaded, resume = first_config(config, os.environ, lambda text: err.print(text, markup=False))
        if not allow_removals and not resume:
            refuse_emptied(config, loaded)
        if loaded.server.ray.address != "local":
            raise typer.Exit(serve_cluster(config, loaded, approve=approve))
        raise typer.Exit(Supervisor(config, loaded, approve=approve, resume=resume).run())


@app.command()
def validate(
    config: ConfigDir = HERE,
    deep: Annotated[bool, typer.Option("--deep", help="Also load each model and run its example.")] = False,
    output: Form = Output.text,
) -> None:
    """Check the YAML and the repository; needs no running server."""
    from modelyard.cli.lost_models import lost
    from modelyard.cli.repository_errors import refusals, unusable_identity
    from modelyard.cli.validate_deep import check_models
    from modelyard.control.desired import ConfigReader

    with _mistakes_told(output):
        desired = ConfigReader(config, os.environ).read_settled()
    findings = {**desired.refused, **(check_models(desired) if deep else {})}
    names = [model.name for model in desired.config.models]
    told = [*desired.config.warnings, *lost(config, desired.config), *unusable_identity(desired.config)]
    errors, warnings = ([each for each in told if each.severity == kind] for kind in ("error", "warning"))
    valid = not findings and not errors
    if output is Output.json:
        shown = {"errors": [each.as_json() for each in errors], "warnings": [each.as_json() for each in warnings]}
        _print_json({"valid": valid, "models": names, **shown, "refused": findings})
    else:
        for diagnostic in told:
            err.print(diagnostic.render(), markup=False)
        for diagnostic in refusals(desired, findings):
            err.print(diagnostic.render(), markup=False)
        if valid:
            models = "1 model is" if len(names) == 1 else f"{len(names)} models are"
            out.print(f"{models} valid" + (", loaded and tried on an example" if deep else ""))
    raise typer.Exit(0 if valid else FAILED)


@app.command()
def plan(
    config: ConfigDir = HERE,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 2 where there are changes.")] = False,
    output: Form = Output.text,
) -> None:
    """What an apply would add, restart, scale or remove, and why."""
    from modelyard.cli.changes import plan_changes

    with _mistakes_told(output):
        planned = plan_changes(config)
    if output is Output.json:
        _print_json({"actions": [asdict(action) for action in planned.actions], "withheld": planned.withheld})
    else:
        _print_actions(planned.actions)
        if planned.withheld:
            err.print(f"warning: {planned.withheld}; nothing is changed without {CONFIRM}", markup=False)
    if planned.refused:
        raise typer.Exit(FAILED)
    raise typer.Exit(CHANGES if exit_code and planned.actions else 0)


@app.command()
def apply(
    config: ConfigDir = HERE,
    wait: Annotated[bool, typer.Option("--wait", help="Return when every model is up or has failed.")] = False,
    timeout_s: Annotated[float, typer.Option(help="With --wait: seconds to wait at most.")] = 600,
    allow_removals: AllowRemovals = False,
    output: Form = Output.text,
) -> None:
    """Make the running server match the configuration."""
    from modelyard.cli.changes import apply_changes

    with _mistakes_told(output):
        applied = apply_changes(config, allow_removals=allow_removals, wait_s=timeout_s if wait else None)
    if output is Output.json:
        models = None if applied.statuses is None else [status.as_json() for status in applied.statuses]
        _print_json({"actions": [asdict(action) for action in applied.actions], "models": models})
    else:
        _print_actions(applied.actions)
        if applied.statuses is not None:
            out.print(status_table(applied.statuses, width=width_of(out)))
    failed = any(status.reason or status.state != "READY" for status in applied.statuses or ())
    raise typer.Exit(FAILED if applied.refused or failed else 0)


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="The model.")],
    config: ConfigDir = HERE,
    to: Annotated[int | None, typer.Option(min=1, help="The version; default: the one before the current.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change of the file, and write nothing.")] = False,
    timeout_s: Annotated[float, typer.Option(help="Seconds to wait at most until the version answers.")] = 600,
) -> None:
    """Let another version of a model answer: change its file, show the change, and apply it."""
    from modelyard.cli.rollback import apply_edit, rollback_edit

    with _mistakes_told(Output.text):
        edit = rollback_edit(config, name, to)
        out.print(edit.diff(), markup=False)
        status = None if dry_run else apply_edit(config, name, edit, timeout_s)
    if status is not None:
        out.print(status_table([status], width=width_of(out)))
        raise typer.Exit(0 if status.state == "READY" and not status.reason else FAILED)
    if not dry_run:
        out.print(f"no server runs here: {edit.path} is written, and read at the next start", markup=False)


@app.command()
def status(config: ConfigDir = HERE, output: TableForm = Shown.text) -> None:
    """Every model's state, and why it is not READY."""
    from modelyard.cli.fleet_state import source

    with _mistakes_told(Output.json if output is Shown.json else Output.text), source(config) as models:
        seen = models.look()
    if output is Shown.json:
        _print_json({"models": seen.models, **({"server": seen.server} if seen.server else {})})
    else:
        if seen.models:
            out.print(status_table(seen.statuses, seen.traffic, None if output is Shown.wide else width_of(out)))
        for line in seen.remarks():
            out.print(line, markup=False)
        for line in seen.deaths():
            out.print(line, style="red", markup=False)
        for line in seen.notices():
            err.print(line, markup=False)
    raise typer.Exit(0 if seen.is_well else FAILED)


@app.command()
def top(
    config: ConfigDir = HERE,
    times: Annotated[int, typer.Option("-n", help="Looks to take; 0 goes on until Ctrl-C.")] = 0,
    every_s: Annotated[float, typer.Option(help="Seconds between two looks.")] = 2.0,
    output: Annotated[
        Cut, typer.Option("-o", "--output", help="text, cut to the terminal's width, or wide.")
    ] = Cut.text,
) -> None:
    """The status and the traffic of the last minute, live: what hurts comes first."""
    from modelyard.cli.fleet_state import source
    from modelyard.cli.top import show_live

    with _mistakes_told(Output.text), source(config) as models, suppress(KeyboardInterrupt):
        show_live(models, out, times=times, every_s=every_s, wide=output is Cut.wide)


@app.command()
def logs(  # noqa: PLR0917 - typer passes them by name
    name: Annotated[str, typer.Argument(help="The model.")],
    config: ConfigDir = HERE,
    lines: Annotated[int, typer.Option("-n", min=1, help="Records of each replica.")] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing what comes.")] = False,
    since: Since = "",
    replica: Annotated[str, typer.Option(help="Only of the replica with this id, or whose id begins so.")] = "",
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Of the last replica that has ended.")] = False,
    rays: Annotated[bool, typer.Option("--ray", help="What Ray and the web server say too.")] = False,
) -> None:
    """What a model's replicas have logged and printed, and how they ended."""
    from collections import deque

    from modelyard.cli.logs import Follower, Shown, follow_logs, no_logs, records, replica_logs

    with _mistakes_told(Output.text):
        loaded = _load(config)
    wanted = Shown(_since(since) if since else 0.0, rays)
    follower = Follower(loaded, name, replica)
    files = replica_logs(loaded, name, replica=replica, previous=previous)
    if not files and not follow:
        err.print(no_logs(loaded, name, replica=replica, previous=previous), markup=False)
        raise typer.Exit(FAILED)
    for each in files:
        if shown := deque(wanted.lines(records(each.log)), maxlen=lines):
            out.print(f"==> {name} {each.replica} <==", style="bold", markup=False)
            out.print("\n".join(shown), markup=False)
    if follow:
        with suppress(KeyboardInterrupt):
            follow_logs(follower, wanted, lambda text: out.print(text, markup=False))


@app.command()
def requests(  # noqa: PLR0917 - typer passes them by name
    request_id: Annotated[str, typer.Option("--id", help="With this id, the x-request-id of its answer.")] = "",
    model: Annotated[str, typer.Option("--model", "-m", help="Of this model.")] = "",
    slow: Annotated[bool, typer.Option("--slow", help="Those that took request_log.slow_s or longer.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Those that did not end well.")] = False,
    since: Since = "",
    most: Annotated[int, typer.Option("-n", min=1, help="How many at most: the last ones.")] = 50,
    config: ConfigDir = HERE,
    output: Form = Output.text,
) -> None:
    """Requests in the log: those that failed, were slow, or were sampled. Needs no running server."""
    from modelyard.cli.requests import Wanted, details, find, request_table, since_text

    with _mistakes_told(output):
        loaded = _load(config)
    slow_ms = 1e3 * loaded.server.request_log.slow_s if slow else 0.0
    wanted = Wanted(request_id, model, slow_ms, since_text(_since(since)) if since else "0", failed)
    folder = loaded.state_dir / "requests"
    found = find(folder, wanted, most)
    if output is Output.json:
        _print_json(found)
    elif request_id and found:
        out.print("\n".join(line for entry in found for line in details(entry)), markup=False)
    elif found:
        out.print(request_table(found))
    else:
        err.print(
            f"no such request in {folder}; which ones are written there is request_log of server.yaml", markup=False
        )
        raise typer.Exit(FAILED)


@config_app.command("show")
def config_show(config: ConfigDir = HERE, output: Form = Output.text) -> None:
    """The configuration with every default filled in."""
    from modelyard.config.show import show

    with _mistakes_told(output):
        loaded = _load(config)
    if output is Output.json:
        models = [model.model_dump(mode="json") for model in loaded.models]
        _print_json({"server": loaded.server.model_dump(mode="json"), "models": models})
    else:
        sys.stdout.write(show(loaded))


@app.command()
def schema(folder: Annotated[Path, typer.Option("--to", help="Where to write.")] = HERE / "schema") -> None:
    """Write the JSON Schemas that editors read."""
    from modelyard.config.schema import schemas

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text)
        out.print(str(folder / name))


@app.command()
def render(config: ConfigDir = HERE) -> None:
    """The Ray Serve config that `serve deploy` takes."""
    from modelyard.cli.lost_models import lost
    from modelyard.config.dump import dump
    from modelyard.control.desired import ConfigReader

    with _mistakes_told(Output.text):
        desired = ConfigReader(config, os.environ).read_settled()
    missing = [each for each in lost(config, desired.config) if each.severity == "error"]
    for diagnostic in missing:
        err.print(diagnostic.render(), markup=False)
    for name, reason in desired.refused.items():
        err.print(f"left out {name}: {reason}", markup=False)
    sys.stdout.write(dump(desired.serve_config({})))
    raise typer.Exit(FAILED if desired.refused or missing else 0)


@contextmanager
def _mistakes_told(output: Output) -> Iterator[None]:
    """What keeps a command from its work ends it: mistakes in the configuration, each shown; no server; exit code 1."""
    try:
        yield
    except SpecError as error:
        if output is Output.json:
            _print_json({"valid": False, "errors": [diagnostic.as_json() for diagnostic in error.diagnostics]})
        else:
            for diagnostic in error.diagnostics:
                err.print(diagnostic.render(), markup=False)
        raise typer.Exit(FAILED) from None
    except OSError as error:  # no server, a lock that is held, a state folder that cannot be made
        err.print(f"error: {error}", markup=False)
        raise typer.Exit(FAILED) from None
    except NeedsConfirmation as error:
        err.print(f"error: nothing is changed: {error}; confirm with {CONFIRM} if that is meant", markup=False)
        raise typer.Exit(FAILED) from None


def _since(text: str) -> float:
    from modelyard.cli.time_range import since

    try:
        return since(text, time.time())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _print_actions(actions: "Sequence[Action]") -> None:
    for action in actions:
        out.print(action_line(action), markup=False)
    if not actions:
        out.print("nothing to change")


def _load(config: Path) -> "Config":
    from modelyard.config.load import load

    return load(config, os.environ)


def main() -> None:
    """The console script."""
    app()
