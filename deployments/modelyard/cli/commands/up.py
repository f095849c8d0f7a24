"""`modelyard up`."""
# ruff: noqa: PLC0415 - see the package

import os
from typing import Annotated

import typer

from modelyard.cli.command_options import DEFAULT_CONFIG, AllowRemovals, ConfigDir
from modelyard.cli.command_output import err, reported_errors


def up(
    config: ConfigDir = DEFAULT_CONFIG,
    allow_removals: AllowRemovals = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Do not apply changed files before `modelyard apply`; only show the plan.")
    ] = False,
) -> None:
    """Start the server in the foreground, and apply the configuration and every change of it."""
    from modelyard.cli.cluster import serve_cluster
    from modelyard.cli.removal_checks import initial_config, reject_empty
    from modelyard.cli.supervisor import Supervisor

    with reported_errors():
        loaded, resume = initial_config(config, os.environ, lambda text: err.print(text, markup=False))
        if not allow_removals and not resume:
            reject_empty(config, loaded)
        if loaded.server.ray.address != "local":
            raise typer.Exit(serve_cluster(config, loaded, approve=approve))
        raise typer.Exit(Supervisor(config, loaded, approve=approve, resume=resume).run())
