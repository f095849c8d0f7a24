"""`modelyard --version`."""

import sys
from typing import Annotated

import typer

from modelyard import __version__


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"modelyard {__version__}\n")
        raise typer.Exit


def global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself; `--version` has done its work before this is called."""
