"""The `modelyard` command: its subcommands, by group. Each function in `commands` is one subcommand.

Exit codes: 0 success, 1 invalid or failed, 2 wrong usage, or changes with `plan --exit-code`.
"""

import typer

from modelyard.cli import init, version
from modelyard.cli.commands import bench, configuration, deploy, observe, up

app = typer.Typer(
    callback=version.global_options,
    help="Serve models from a model repository and YAML files, on Ray Serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Show the configuration.", no_args_is_help=True)

app.command()(init.init)
app.command()(up.up)

app.command()(configuration.validate)
app.command()(deploy.plan)
app.command()(deploy.apply)
app.command()(deploy.rollback)

app.command()(observe.status)
app.command()(observe.top)
app.command()(observe.logs)
app.command()(observe.requests)
app.command()(bench.bench)

app.add_typer(config_app, name="config")
config_app.command("show")(configuration.show)
app.command()(configuration.schema)
app.command()(configuration.render)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
