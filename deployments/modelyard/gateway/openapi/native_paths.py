"""The operations of modelyard's own paths: the server's, and those below each model's route."""

import re
from collections.abc import Iterator, Mapping, Sequence

from modelyard.gateway.catalogue import ModelEntry
from modelyard.gateway.model_list import MAX_LIMIT, STATES
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


def _query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_QUERIES: Mapping[str, Sequence[Schema]] = {
    "/models": (
        _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, "Maximum number of models"),
        _query(
            "after", {"type": "string"}, "Only models whose name comes after this one: `next_after` of the last page"
        ),
        _query("state", {"type": "string", "enum": [*STATES]}, "Only models in this state"),
        _query("pool", {"type": "string"}, "Only models of this pool"),
        _query("search", {"type": "string"}, "Only models with this text in their name, description or reason"),
    ),
    "/openapi.json": (_query("model", {"type": "string"}, "Describe this model only"),),
}


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
        ("/models", "models", "List models with their state", {JSON: schema_ref("Models")}),
        ("/openapi.json", "openapi", "This OpenAPI document", {JSON: {"type": "object"}}),
    ):
        errors = (400, *READ_ERRORS) if path == "/models" else READ_ERRORS
        yield path, "get", Operation(id_, summary, "server", response, {}, errors, _QUERIES.get(path, ()))


def model_paths(entry: ModelEntry, prefix: str) -> Iterator[Path]:
    """The paths of one model. `prefix` starts the names of its components; "" for the components of any model."""
    root, versioned = entry.route, f"{entry.route}/versions/{{version}}"
    suffix = f"_{re.sub('[^a-z0-9]', '_', entry.name)}"
    yield _document_path(root, entry.name, suffix, ())
    yield from _paths_below(root, entry.name, suffix, prefix, ())
    served = [*map(str, entry.versions), *entry.version_labels]
    version = path_parameter("version", {"type": "string", "enum": served}) if served else parameter_ref("Version")
    yield from _paths_below(versioned, entry.name, f"{suffix}_version", "", (version,))


def any_model_paths() -> Iterator[Path]:
    """The paths of every model, with its name as a parameter."""
    root, name = "/models/{name}", parameter_ref("ModelName")
    yield _document_path(root, "models", "_model", (name,))
    yield from _paths_below(root, "models", "_model", "", (name,))
    yield from _paths_below(
        f"{root}/versions/{{version}}", "models", "_model_version", "", (name, parameter_ref("Version"))
    )


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


def _document_path(root: str, tag: str, suffix: str, parameters: tuple[Schema, ...]) -> Path:
    response: dict[str, Schema] = {JSON: {"type": "object"}}
    operation = Operation(f"openapi{suffix}", "OpenAPI document of the model", tag, response, parameters=parameters)
    return f"{root}/openapi.json", "get", operation


def _paths_below(root: str, tag: str, suffix: str, prefix: str, parameters: tuple[Schema, ...]) -> Iterator[Path]:
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
