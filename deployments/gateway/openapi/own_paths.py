"""The paths of our own: the server's, and those below each model's route. Pure."""

import re
from collections.abc import Iterator

from deployments.gateway.catalogue import Entry
from deployments.gateway.openapi.operations import (
    ASKING,
    EVENT_DATA,
    EVENTS,
    JSON,
    READING,
    TABLES,
    Operation,
    in_path,
    named,
)
from deployments.gateway.openapi.predict import invocations_answer, predict_answer, predict_request
from deployments.gateway.openapi.values import Schema
from deployments.tensors import Signature

Path = tuple[str, str, Operation]
"""Path, method in lower case, and what stands there."""
VERSION: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"}
PROBABILITIES: Schema = {
    "name": "probabilities",
    "in": "query",
    "schema": {"type": "boolean"},
    "description": "every class's score, as the option of the body does",
}


def server_paths() -> Iterator[Path]:
    """What is nobody's in particular."""
    tag = "server"
    yield "/", "get", Operation("root", "What there is", tag, {JSON: {"type": "object"}})
    yield "/live", "get", Operation("live", "The server runs", tag, {JSON: named("Live")})
    ready = Operation("ready", "Every required model is ready; 503 where one is not", tag, {JSON: named("Ready")})
    yield "/ready", "get", ready
    health = Operation("health", "The same, for MLflow's clients", tag, {JSON: named("Ready")})
    yield "/health", "get", health
    yield "/version", "get", Operation("version", "This server's version", tag, {"text/plain": {"type": "string"}})
    yield "/models", "get", Operation("models", "All models, and how they are", tag, {JSON: named("Models")})
    yield "/openapi.json", "get", Operation("openapi", "This document", tag, {JSON: {"type": "object"}})


def model_paths(entry: Entry, signature: Signature | None) -> Iterator[Path]:
    """Those of one model; `signature` is its newest version's, where it is known."""
    root, versioned = entry.route, f"{entry.route}/versions/{{version}}"
    yield from _below(root, entry, signature, ())
    served = [each["version"] for each in entry.about.get("versions", ())]
    yield from _below(versioned, entry, None, (version_in_path({"enum": served} if served else VERSION),))


def version_in_path(schema: Schema) -> Schema:
    """The parameter `version`."""
    return in_path("version", schema, "a version that is served")


def _below(root: str, entry: Entry, signature: Signature | None, parameters: tuple[Schema, ...]) -> Iterator[Path]:
    tag, suffix = entry.name, f"_{re.sub('[^a-z0-9]', '_', entry.name)}" + ("_version" if parameters else "")
    about = str(entry.about.get("description") or entry.name)
    rows = {JSON: predict_request(signature), **TABLES}
    asked = (*ASKING, 415)
    yield (
        root,
        "get",
        Operation(
            f"about{suffix}", f"What it takes and gives: {about}", tag, {JSON: named("Model")}, {}, READING, parameters
        ),
    )
    ready = Operation(f"ready{suffix}", "Whether it answers", tag, {JSON: named("ModelReady")}, {}, READING, parameters)
    yield f"{root}/ready", "get", ready
    flagged = (*parameters, PROBABILITIES)
    answer = {JSON: predict_answer(signature), **TABLES}
    yield (
        f"{root}/predict",
        "post",
        Operation(f"predict{suffix}", about, tag, answer, rows, sorted((*asked, 406)), flagged),
    )
    bare = {JSON: invocations_answer(signature)}
    invoked = {JSON: {"type": "object"}, **TABLES}
    yield (
        f"{root}/invocations",
        "post",
        Operation(f"invocations{suffix}", "The same in MLflow's words", tag, bare, invoked, sorted(asked), parameters),
    )
    events = {EVENTS: EVENT_DATA}
    yield (
        f"{root}/stream",
        "post",
        Operation(f"stream{suffix}", "The same in parts, as they come", tag, events, rows, sorted(asked), flagged),
    )
