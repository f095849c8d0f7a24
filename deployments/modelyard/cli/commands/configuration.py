"""Subcommands on the configuration files, which need no running server."""
# ruff: noqa: PLC0415 - see the package

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.command_options import DEFAULT_CONFIG, ConfigDir, Output, OutputFormat
from modelyard.cli.command_output import FAILED, err, out, print_diagnostics, print_json, reported_errors


def validate(
    config: ConfigDir = DEFAULT_CONFIG,
    deep: Annotated[bool, typer.Option("--deep", help="Also load each model and run its example.")] = False,
    output: Output = OutputFormat.text,
) -> None:
    """Check the configuration and the model repository. Needs no running server."""
    from modelyard.cli.removal_checks import removal_problems
    from modelyard.cli.repository_errors import rejected_models, tls_problems
    from modelyard.cli.validate_deep import check_models
    from modelyard.control.desired import ConfigReader

    with reported_errors(output):
        desired = ConfigReader(config, os.environ).read_settled()
    rejected = {**desired.refused, **(check_models(desired) if deep else {})}
    names = [model.name for model in desired.config.models]
    found = [
        *desired.config.warnings,
        *removal_problems(config, desired.config),
        *tls_problems(desired.config),
    ]
    errors, warnings = ([each for each in found if each.severity == kind] for kind in ("error", "warning"))
    valid = not rejected and not errors
    if output is OutputFormat.json:
        shown = {"errors": [each.as_json() for each in errors], "warnings": [each.as_json() for each in warnings]}
        print_json({"valid": valid, "models": names, **shown, "refused": rejected})
    else:
        print_diagnostics([*found, *rejected_models(desired, rejected)])
        if valid:
            models = "1 model is" if len(names) == 1 else f"{len(names)} models are"
            out.print(f"{models} valid" + (", loaded and run on an example" if deep else ""))
    raise typer.Exit(0 if valid else FAILED)


def show(config: ConfigDir = DEFAULT_CONFIG, output: Output = OutputFormat.text) -> None:
    """Show the configuration with all defaults."""
    from modelyard.config.load import load
    from modelyard.config.yaml_writer import config_as_yaml, model_values

    with reported_errors(output):
        loaded = load(config, os.environ)
    if output is OutputFormat.json:
        pools = [pool.model_dump(mode="json") for pool in loaded.pools]
        models = [model_values(model, "json") for model in loaded.models]
        print_json({"server": loaded.server.model_dump(mode="json"), "pools": pools, "models": models})
    else:
        sys.stdout.write(config_as_yaml(loaded))


def schema(
    folder: Annotated[Path, typer.Option("--to", help="Folder to write to.")] = DEFAULT_CONFIG / "schema",
) -> None:
    """Write JSON Schemas of the YAML files, for editors."""
    from modelyard.config.schema import schemas

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text)
        out.print(str(folder / name))


def render(config: ConfigDir = DEFAULT_CONFIG) -> None:
    """Print the Ray Serve config file for `serve deploy`."""
    from modelyard.cli.removal_checks import removal_problems
    from modelyard.config.yaml_writer import to_yaml
    from modelyard.control.desired import ConfigReader

    with reported_errors():
        desired = ConfigReader(config, os.environ).read_settled()
    missing = [each for each in removal_problems(config, desired.config) if each.severity == "error"]
    print_diagnostics(missing)
    for name, reason in desired.refused.items():
        err.print(f"skipped {name}: {reason}", markup=False)
    sys.stdout.write(to_yaml(desired.serve_config({})))
    raise typer.Exit(FAILED if desired.refused or missing else 0)
