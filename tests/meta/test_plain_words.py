"""Texts for users and the sentences of tests are in plain words: they contain none of the phrases below.

`SOURCES` has every kind of text.
"""

import ast
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from modelyard.cli.main import app
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.telemetry.metrics.declarations import METRICS
from tests.meta.settings import commands, settings

ROOT = Path(__file__).parents[2]
PHRASES = {
    r"tells?|told": "report, say",
    r"(?:gone?|goes|going) back from": "roll back",
    r"(?:is|are|was|were) not taken|taken on": "not supported, accepted",
    r"takes? (?:it|the change) up": "apply",
    r"whoever|who(?: \w+)? (?:reads|leaves|asks|takes|waits)": "a client that ...",
    r"as \S+ ha(?:s|ve) it": "as in ...",
    r"lanes?": "fast path",
    r"ledgers?": "name what it counts",
    r"(?:never|not|nothing|nobody) notices?": "is not affected",
    r"wish(?:es)?": "request",
    r"looks? to take|(?:is|are) looked at|a look (?:at|through)": "check",
    r"(?:last|own) words": "log output",
    r"mend(?:s|ed|ing)?": "fix",
    r"serves? on": "continue to serve",
    r"(?:is|are) away": "unavailable",
    r"gets? in|(?:is|are) let in": "connect, accept",
    r"stands? in": "standby, replace",
    r"to hand|at hand": "available",
    r"the most that": "maximum",
    r"comes? twice": "duplicate",
    r"time-outs?": "timeout",
    r"for want of": "without",
    r"for ever": "without limit",
    r"anew": "again",
    r"asked for": "requested",
    r"(?:goes|went|going) away": "disconnects, is removed",
}
"""Regular expressions, each with the words to use in its place."""
BANNED = re.compile(r"\b(?:" + "|".join(PHRASES) + r")\b", re.IGNORECASE)
Texts = Iterator[tuple[str, str]]
"""A place, and its text."""


def pages() -> Texts:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("model_repository/*.md")]:
        if path.name != "ARCHITECTURE.md":
            prose = re.sub(r"^ *```.*?^ *```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
            yield str(path.relative_to(ROOT)), prose


def examples() -> Texts:
    for path in ROOT.glob("serve_config/**/*.yaml"):
        yield str(path.relative_to(ROOT)), path.read_text()


def monitoring() -> Texts:
    for path in [*ROOT.glob("monitoring/**/*.y*ml"), *ROOT.glob("monitoring/grafana/dashboards/*.json")]:
        if "node_modules" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text()


def metrics() -> Texts:
    for metric in METRICS:
        yield metric.name, metric.help


def command_help() -> Texts:
    for name, command in commands(typer.main.get_command(app)):
        yield name, command.help or ""
        for parameter in command.params:
            yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""


def setting_descriptions() -> Texts:
    specs: tuple[type[BaseModel], ...] = (ModelSpec, PoolSpec, ServerSpec)
    for spec in specs:
        for name, field in settings(spec):
            yield name, field.description or ""


def code() -> Texts:
    """Strings of more than one word, such as error messages; docstrings are not texts for users."""
    for path in sorted((ROOT / "deployments").rglob("*.py")):
        tree = ast.parse(path.read_text())
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in alone else None
            if isinstance(text, str) and " " in text.strip():
                yield f"{path.relative_to(ROOT)}:{node.lineno}", text


def sentences_of_tests() -> Texts:
    """Names of tests, docstrings, and comments."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        place = path.relative_to(ROOT)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                yield f"{place}:{node.lineno}", str(node.value.value)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{place}:{node.lineno}", node.name.replace("_", " ")
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT:
                    yield f"{place}:{token.start[0]}", token.string


SOURCES: dict[str, tuple[Callable[[], Texts], str]] = {
    "pages": (pages, "README.md"),
    "examples": (examples, "serve_config/server.yaml"),
    "monitoring": (monitoring, "monitoring/prometheus/rules/alerts.yml"),
    "metrics": (metrics, "inference_requests_total"),
    "command_help": (command_help, "modelyard apply wait"),
    "setting_descriptions": (setting_descriptions, "limits.timeout_s"),
    "code": (code, "deployments/modelyard/config/model_spec.py"),
    "tests": (sentences_of_tests, "tests/meta/test_plain_words.py"),
}
"""Each kind of text, with a place that it must contain."""


@pytest.mark.parametrize("source", SOURCES)
def test_no_text_has_a_banned_phrase(source: str) -> None:
    collect, _ = SOURCES[source]
    found = [f"{place}: {match[0]!r}" for place, text in collect() for match in BANNED.finditer(text)]
    assert not found


@pytest.mark.parametrize(("collect", "place"), SOURCES.values(), ids=SOURCES)
def test_every_source_is_read(collect: Callable[[], Texts], place: str) -> None:
    assert any(each.startswith(place) and text for each, text in collect())


@pytest.mark.parametrize(
    "text",
    ["A bad file is told.", "It was gone back from", "as Triton has it", "Requests never notice.", "a fast lane"],
)
def test_a_banned_phrase_is_found(text: str) -> None:
    assert BANNED.search(text)


@pytest.mark.parametrize(
    "text", ["A bad file is reported.", "It was rolled back", "as in Triton", "a plane", "as it has"]
)
def test_plain_words_are_not_banned(text: str) -> None:
    assert not BANNED.search(text)
