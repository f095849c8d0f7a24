"""Options that several subcommands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from modelyard.control.plan import CONFIRM


class OutputFormat(StrEnum):
    """The format of a result."""

    text = "text"
    json = "json"


class TableFormat(StrEnum):
    """The format of a table."""

    text = "text"
    wide = "wide"
    json = "json"


class LiveFormat(StrEnum):
    """The format of a table that is refreshed."""

    text = "text"
    wide = "wide"


class StateFilter(StrEnum):
    """The state of the models that `status` shows: a model's own, or where a pooled model is."""

    READY = "READY"
    LOADING = "LOADING"
    UNAVAILABLE = "UNAVAILABLE"
    RESIDENT = "RESIDENT"
    COLD = "COLD"


DEFAULT_CONFIG = Path("serve_config")

ConfigDir = Annotated[Path, typer.Option("--config", "-c", help="Configuration folder.")]
Output = Annotated[OutputFormat, typer.Option("-o", "--output", help="Output format: text or json.")]
TableOutput = Annotated[
    TableFormat,
    typer.Option(
        "-o", "--output", help="Output format: text (fits the terminal's width), wide (not shortened) or json."
    ),
]
LiveOutput = Annotated[
    LiveFormat,
    typer.Option("-o", "--output", help="Output format: text (fits the terminal's width) or wide (not shortened)."),
]
AllowRemovals = Annotated[bool, typer.Option(CONFIRM, help="Confirm the removal of most models, or of server.yaml.")]
Since = Annotated[
    str,
    typer.Option(help="Only records since then: a duration (30s, 10m, 2h, 1d) or a time such as 2026-11-25T20:12."),
]
ModelName = Annotated[str, typer.Argument(help="Name of the model.")]
