"""Every setting, metric, path, command and option is described in a page."""

import re
from pathlib import Path

import pytest
import typer

from modelyard.cli.main import app
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.gateway.openapi.document import openapi
from modelyard.telemetry.metrics.declarations import METRICS
from tests.fakes import DOUBLER
from tests.meta.settings import commands, settings
from tests.unit.gateway.gateway_client import entry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROSE = re.sub(r"^ *```.*?^ *```$", "", "\n".join(path.read_text() for path in PAGES), flags=re.MULTILINE | re.DOTALL)
CODE = {" ".join(text.split()) for text in re.findall(r"`([^`]+)`", PROSE)}
"""Everything in backticks."""
COMMANDS = dict(commands(typer.main.get_command(app)))
ROWS = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
OPTIONS = {
    (command, option)
    for names, options in ROWS
    for command in re.findall(r"`(\w+)`", names)
    for option in re.findall(r"`(-[\w-]+)", options)
}
"""Commands with their options, as the page lists them."""
COMMON_OPTIONS = {"--config", "-c", "--output", "-o"}


@pytest.mark.parametrize("name", [name for spec in (ModelSpec, PoolSpec, ServerSpec) for name, _ in settings(spec)])
def test_a_setting_is_described(name: str) -> None:
    """A group of settings is described by its members."""
    assert any(text == name or text.startswith(f"{name}.") for text in CODE)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_a_metric_is_described(name: str) -> None:
    assert name in CODE


@pytest.mark.parametrize("path", openapi({"doubler": entry("doubler")}, {"doubler": DOUBLER})["paths"])
def test_a_path_is_described(path: str) -> None:
    assert re.sub(r"{(\w+)}", r"<\1>", path.replace("/models/doubler", "/models/<name>")) in CODE


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_described(name: str) -> None:
    assert {name, f"{name} NAME"} & CODE


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (name.removeprefix("modelyard "), option)
        for name, command in COMMANDS.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("-") and option not in COMMON_OPTIONS
    ],
)
def test_an_option_is_described_with_its_command(command: str, option: str) -> None:
    assert (command, option) in OPTIONS


def test_no_option_is_described_that_does_not_exist() -> None:
    known = {
        (name.removeprefix("modelyard "), option)
        for name, command in COMMANDS.items()
        for parameter in command.params
        for option in parameter.opts
    }
    assert known >= OPTIONS
