"""The operations of modelyard's own paths: the server's, and those below each model's route."""

import re
from collections.abc import Iterator

from modelyard.gateway.catalogue import ModelEntry
from modelyard.gateway.openapi.operations import (
    EVENTS,
    JSON,
    READ_ERRORS,
    REQUEST_ERRORS,
    ROW_FORMATS,
    Operation,
    parameter_ref,
    path_parameter,
    schema_ref,
)
from modelyard.gateway.openapi.value_schemas import Schema

Path = tuple[str, str, Operation]
"""Path, method in lower case, operation."""
LABEL: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9._-]{0,62}$"}
VERSION: Schema = {"type": "string", "pattern": "^([1-9][0-9]{0,8}|[a-z][a-z0-9._-]{0,62})$"}
"""A number or a label."""
EVENT_DATA: Schema = {EVENTS: schema_ref("EventData")}


def server_paths() -> Iterator[Path]:
    """The paths that belong to no model."""
    for path, id_, summary, response in (
        ("/", "root", "Name of the server, and where to find its models", {JSON: {"type": "object"}}),
        ("/live", "live", "Liveness of the server", {JSON: schema_ref("Live")}),
        ("/ready", "ready", "Readiness of the server: every required model is READY", {JSON: schema_ref("Ready")}),
        (
            "/health",
            "health",
            "Readiness of the default model, or of the server (MLflow)",
            {JSON: schema_ref("ModelReady")},
        ),
        ("/version", "version", "Version of the server (MLflow)", {"text/plain": {"type": "string"}}),
        ("/models", "models", "List all models with their state", {JSON: schema_ref("Models")}),
        ("/openapi.json", "openapi", "This OpenAPI document", {JSON: {"type": "object"}}),
    ):
        yield path, "get", Operation(id_, summary, "server", response)


def model_paths(entry: ModelEntry, prefix: str) -> Iterator[Path]:
    """The paths of one model. `prefix` starts the names of its components; "" for the components of any model."""
    root, versioned = entry.route, f"{entry.route}/versions/{{version}}"
    yield from _paths_below(root, entry, prefix, ())
    served = [*map(str, entry.versions), *entry.version_labels]
    version = path_parameter("version", {"type": "string", "enum": served}) if served else parameter_ref("Version")
    yield from _paths_below(versioned, entry, "", (version,))


def native_parameters() -> dict[str, Schema]:
    """The parameters in the components, by name."""
    probabilities: Schema = {
        "name": "probabilities",
        "in": "query",
        "schema": {"type": "boolean"},
        "description": "Whether to return the score of every class, like the member `probabilities` of the body",
    }
    return {
        "Version": path_parameter("version", VERSION, "A served version of the model: its number or a label"),
        "Label": path_parameter("label", LABEL, "A label in the model's `version_labels`"),
        "Probabilities": probabilities,
    }


def _paths_below(root: str, entry: ModelEntry, prefix: str, parameters: tuple[Schema, ...]) -> Iterator[Path]:
    tag, suffix = entry.name, f"_{re.sub('[^a-z0-9]', '_', entry.name)}" + ("_version" if parameters else "")
    for path, id_, summary, schema in (
        ("", "about", "State, inputs and outputs of the model, with an example", "Model"),
        ("/ready", "ready", "Readiness of the model", "ModelReady"),
    ):
        response = {JSON: schema_ref(schema)}
        yield (
            f"{root}{path}",
            "get",
            Operation(f"{id_}{suffix}", summary, tag, response, {}, READ_ERRORS, parameters),
        )
    rows = {JSON: schema_ref(f"{prefix}PredictRequest"), **ROW_FORMATS}
    prediction = {JSON: schema_ref(f"{prefix}Prediction"), **ROW_FORMATS}
    invocation = {JSON: schema_ref(f"{prefix}Invocation")}
    any_json = {JSON: {"type": "object"}, **ROW_FORMATS}
    errors = sorted((*REQUEST_ERRORS, 415))
    options = (*parameters, parameter_ref("Probabilities"))
    streaming = "Predict, with the output as server-sent events as it is generated"
    for verb, summary, response, request, statuses, verb_parameters in (
        ("predict", "Predict from rows or columns", prediction, rows, sorted((*errors, 406)), options),
        ("invocations", "Predict in the format of MLflow and SageMaker", invocation, any_json, errors, parameters),
        ("stream", streaming, EVENT_DATA, rows, errors, options),
    ):
        operation = Operation(f"{verb}{suffix}", summary, tag, response, request, statuses, verb_parameters)
        yield f"{root}/{verb}", "post", operation
