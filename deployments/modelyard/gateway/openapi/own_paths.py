"""The paths of our own: the server's, and those below each model's route. Pure."""

import re
from collections.abc import Iterator

from modelyard.gateway.catalogue import Entry
from modelyard.gateway.openapi.operations import (
    ASKING,
    EVENTS,
    JSON,
    READING,
    TABLES,
    Operation,
    in_path,
    named,
    parameter,
)
from modelyard.gateway.openapi.values import Schema

Path = tuple[str, str, Operation]
"""Path, method in lower case, and what stands there."""
LABEL: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9._-]{0,62}$"}
VERSION: Schema = {"type": "string", "pattern": "^([1-9][0-9]{0,8}|[a-z][a-z0-9._-]{0,62})$"}
"""A number or a label."""
EVENT_DATA: Schema = {EVENTS: named("EventData")}


def server_paths() -> Iterator[Path]:
    """What is nobody's in particular."""
    tag = "server"
    yield "/", "get", Operation("root", "What there is", tag, {JSON: {"type": "object"}})
    yield "/live", "get", Operation("live", "The server runs", tag, {JSON: named("Live")})
    ready = Operation("ready", "Every required model is ready; 503 where one is not", tag, {JSON: named("Ready")})
    yield "/ready", "get", ready
    health = Operation(
        "health",
        "Whether the default model or the server is ready, for MLflow's clients",
        tag,
        {JSON: named("ModelReady")},
    )
    yield "/health", "get", health
    yield "/version", "get", Operation("version", "This server's version", tag, {"text/plain": {"type": "string"}})
    yield "/models", "get", Operation("models", "All models, and how they are", tag, {JSON: named("Models")})
    yield "/openapi.json", "get", Operation("openapi", "This document", tag, {JSON: {"type": "object"}})


def model_paths(entry: Entry, prefix: str) -> Iterator[Path]:
    """Those of one model; the names of its components begin with `prefix`, "" where they are those of any model."""
    root, versioned = entry.route, f"{entry.route}/versions/{{version}}"
    yield from _below(root, entry, prefix, ())
    served = [each["version"] for each in entry.about.get("versions", ())]
    served += entry.about.get("version_labels", ())
    version = in_path("version", {"type": "string", "enum": served}) if served else parameter("Version")
    yield from _below(versioned, entry, "", (version,))


def own_parameters() -> dict[str, Schema]:
    """Components of parameters, by name."""
    probabilities: Schema = {
        "name": "probabilities",
        "in": "query",
        "schema": {"type": "boolean"},
        "description": "every class's score, as the option of the body does",
    }
    return {
        "Version": in_path("version", VERSION, "a version that is served, by its number or a label"),
        "Label": in_path("label", LABEL, "a label of version_labels"),
        "Probabilities": probabilities,
    }


def _below(root: str, entry: Entry, prefix: str, parameters: tuple[Schema, ...]) -> Iterator[Path]:
    tag, suffix = entry.name, f"_{re.sub('[^a-z0-9]', '_', entry.name)}" + ("_version" if parameters else "")
    rows = {JSON: named(f"{prefix}PredictRequest"), **TABLES}
    asked = (*ASKING, 415)
    yield (
        root,
        "get",
        Operation(
            f"about{suffix}", "What the model takes and gives", tag, {JSON: named("Model")}, {}, READING, parameters
        ),
    )
    ready = Operation(f"ready{suffix}", "Whether it answers", tag, {JSON: named("ModelReady")}, {}, READING, parameters)
    yield f"{root}/ready", "get", ready
    flagged = (*parameters, parameter("Probabilities"))
    answer = {JSON: named(f"{prefix}Prediction"), **TABLES}
    yield (
        f"{root}/predict",
        "post",
        Operation(f"predict{suffix}", "Ask the model", tag, answer, rows, sorted((*asked, 406)), flagged),
    )
    bare = {JSON: named(f"{prefix}Invocation")}
    invoked = {JSON: {"type": "object"}, **TABLES}
    yield (
        f"{root}/invocations",
        "post",
        Operation(f"invocations{suffix}", "The same in MLflow's words", tag, bare, invoked, sorted(asked), parameters),
    )
    yield (
        f"{root}/stream",
        "post",
        Operation(f"stream{suffix}", "The same in parts, as they come", tag, EVENT_DATA, rows, sorted(asked), flagged),
    )
