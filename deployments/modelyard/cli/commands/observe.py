"""Subcommands that show models, logs and requests."""
# ruff: noqa: PLC0415 - see the package

import os
import time
from contextlib import suppress
from typing import Annotated

import typer

from modelyard.cli.command_options import (
    DEFAULT_CONFIG,
    ConfigDir,
    LiveFormat,
    LiveOutput,
    ModelName,
    Output,
    OutputFormat,
    Since,
    StateFilter,
    TableFormat,
    TableOutput,
)
from modelyard.cli.command_output import FAILED, err, out, print_json, reported_errors
from modelyard.cli.terminal_report import width_of


def status(
    search: Annotated[
        str, typer.Argument(help="Only models with this text in their name or reason.", show_default=False)
    ] = "",
    config: ConfigDir = DEFAULT_CONFIG,
    pool: Annotated[str, typer.Option(help="Only models of this pool.")] = "",
    state: Annotated[StateFilter | None, typer.Option(help="Only models in this state.", case_sensitive=False)] = None,
    output: TableOutput = TableFormat.text,
) -> None:
    """Show the state of every model, and why it is not READY; models of a pool below their pool.

    The exit code is about all models, also if only some are shown.
    """
    from modelyard.cli.fleet_state import state_source
    from modelyard.cli.status_view import Selection, first_notes, grouped_table

    errors = OutputFormat.json if output is TableFormat.json else OutputFormat.text
    with reported_errors(errors), state_source(config) as source:
        everything = source.fetch()
    selection = Selection(pool, state.value if state else "", search)
    try:
        shown = selection.applied_to(everything)
    except LookupError as error:
        raise typer.BadParameter(str(error), param_hint="--pool") from None
    if output is TableFormat.json:
        pools = {"pools": shown.pools} if shown.pools else {}
        print_json({"models": shown.models, **pools, **({"server": shown.server} if shown.server else {})})
    else:
        width = None if output is TableFormat.wide else width_of(out)
        complete = width is None or bool(selection.state or selection.search)
        if shown.models or shown.pools:
            out.print(grouped_table(shown, width, complete=complete))
        if selection and not shown.models:
            err.print("no model matches", markup=False)
        for line in first_notes([*shown.notes()], complete=complete):
            out.print(line, markup=False)
        for line in shown.deaths():
            out.print(line, style="red", markup=False)
        for line in shown.notices():
            err.print(line, markup=False)
    raise typer.Exit(0 if everything.is_healthy else FAILED)


def top(
    config: ConfigDir = DEFAULT_CONFIG,
    times: Annotated[int, typer.Option("-n", help="Number of refreshes; 0 = until Ctrl-C.")] = 0,
    every_s: Annotated[float, typer.Option(help="Refresh interval in seconds.")] = 2.0,
    output: LiveOutput = LiveFormat.text,
) -> None:
    """Show states and the traffic of the last minute, refreshed continuously, models with problems first."""
    from modelyard.cli.fleet_state import state_source
    from modelyard.cli.top import show_live

    with reported_errors(), state_source(config) as source, suppress(KeyboardInterrupt):
        show_live(source, out, times=times, every_s=every_s, wide=output is LiveFormat.wide)


def logs(  # noqa: PLR0917 - typer passes them by name
    name: ModelName,
    config: ConfigDir = DEFAULT_CONFIG,
    lines: Annotated[int, typer.Option("-n", min=1, help="Maximum number of records per replica.")] = 50,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Follow the log.")] = False,
    since: Since = "",
    replica: Annotated[str, typer.Option(help="Only the replica with this id or id prefix.")] = "",
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Only the last replica that has ended.")] = False,
    include_ray: Annotated[bool, typer.Option("--ray", help="Include records of Ray and the web server.")] = False,
) -> None:
    """Show the logs of a model's replicas, and how they ended. The replicas of a pool log for all its models."""
    from collections import deque

    from modelyard.cli.log_reader import (
        Follower,
        RecordFilter,
        application_of,
        follow_logs,
        no_logs,
        records,
        replica_logs,
    )
    from modelyard.config.load import load

    with reported_errors():
        loaded = load(config, os.environ)
    wanted = RecordFilter(_since(since) if since else 0.0, include_ray)
    name = application_of(loaded, name)
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


def requests(  # noqa: PLR0917 - typer passes them by name
    request_id: Annotated[
        str, typer.Option("--id", help="Only the request whose response has this x-request-id.")
    ] = "",
    model: Annotated[str, typer.Option("--model", "-m", help="Only requests for this model.")] = "",
    slow: Annotated[bool, typer.Option("--slow", help="Only requests that took request_log.slow_s or longer.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only requests that failed.")] = False,
    since: Since = "",
    limit: Annotated[int, typer.Option("-n", min=1, help="Maximum number of requests: the most recent ones.")] = 50,
    config: ConfigDir = DEFAULT_CONFIG,
    output: Output = OutputFormat.text,
) -> None:
    """Show logged requests: those that failed, were slow, or were sampled. Needs no running server."""
    from modelyard.cli.logged_requests import RequestFilter, details, file_time, find_requests, request_table
    from modelyard.config.load import load

    with reported_errors(output):
        loaded = load(config, os.environ)
    slow_ms = 1e3 * loaded.server.request_log.slow_s if slow else 0.0
    wanted = RequestFilter(request_id, model, slow_ms, file_time(_since(since)) if since else "0", failed)
    folder = loaded.state_dir / "requests"
    found = find_requests(folder, wanted, limit)
    if output is OutputFormat.json:
        print_json(found)
    elif request_id and found:
        out.print("\n".join(line for entry in found for line in details(entry)), markup=False)
    elif found:
        out.print(request_table(found))
    else:
        hint = "request_log in server.yaml selects which requests are logged"
        err.print(f"no matching requests in {folder}; {hint}", markup=False)
        raise typer.Exit(FAILED)


def _since(text: str) -> float:
    from modelyard.cli.time_range import parse_since

    try:
        return parse_since(text, time.time())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None
