"""The schemas that operations refer to by name. Pure."""

from modelyard.gateway.openapi.operations import named
from modelyard.gateway.openapi.predict import predict_components, predict_shared
from modelyard.gateway.openapi.values import Schema
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.tensors import DTYPES

TEXT: Schema = {"type": "string"}
STATE: Schema = {"type": "string", "enum": ["READY", "LOADING", "UNAVAILABLE"]}
SHAPE: Schema = {"type": "array", "items": {"type": "integer"}}
PARAMETERS: Schema = {"type": "object"}


def components() -> dict[str, Schema]:
    """By name."""
    return {
        **_errors(),
        **_catalogue(),
        **_inference(),
        **_tensorflow(),
        **predict_components("", None),
        **predict_shared(),
        "EventData": {"description": "server-sent events; the data of each is JSON"},
    }


def _errors() -> dict[str, Schema]:
    bad_value = record({"pointer": TEXT, "detail": TEXT}, "pointer", "detail")
    problem = {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "instance": TEXT,
        "request_id": TEXT,
        "errors": listed(bad_value),
    }
    return {
        "Problem": record(problem, "type", "title", "status", "detail"),
        "Error": record({"error": TEXT}, "error"),
        "Bytes": {
            **record({BASE64_KEY: {"type": "string", "contentEncoding": "base64"}}, BASE64_KEY),
            "maxProperties": 1,
        },
    }


def _catalogue() -> dict[str, Schema]:
    version = record({"version": TEXT, "digest": TEXT, "state": STATE}, "version", "digest")
    tensor = record({"name": TEXT, "datatype": datatype(), "shape": SHAPE, "columns": listed(TEXT)}, "name", "datatype")
    model = {
        "name": TEXT,
        "state": STATE,
        "description": TEXT,
        "url": TEXT,
        "reason": TEXT,
        "runtime": TEXT,
        "versions": listed(version),
        "default_version": TEXT,
        "version_labels": {"type": "object", "additionalProperties": TEXT},
        "task": TEXT,
        "inputs": listed(tensor),
        "outputs": listed(tensor),
        "classes": listed({}),
        "batching": record({"batched": {"type": "boolean"}, "reason": TEXT}, "batched"),
        "notes": listed(TEXT),
        "example": {"description": "a body of predict"},
        "curl": TEXT,
    }
    yes = {"type": "boolean"}
    return {
        "Live": record({"live": yes}, "live"),
        "Ready": record({"ready": yes, "waiting_for": listed(TEXT)}, "ready", "waiting_for"),
        "ModelReady": record({"name": TEXT, "ready": yes}, "ready"),
        "Model": record(model, "name", "state"),
        "Models": record({"models": listed(named("Model"))}, "models"),
    }


def _inference() -> dict[str, Schema]:
    tensor = {"name": TEXT, "datatype": datatype(), "shape": SHAPE, "parameters": PARAMETERS, "data": listed({})}
    given, wish = record(tensor, "name", "datatype", "shape"), record({"name": TEXT, "parameters": PARAMETERS}, "name")
    request = {"id": TEXT, "parameters": PARAMETERS, "inputs": listed(given), "outputs": listed(wish)}
    answer = {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": listed(given)}
    declared = listed(record({"name": TEXT, "datatype": datatype(), "shape": SHAPE}, "name", "datatype", "shape"))
    metadata = {"name": TEXT, "versions": listed(TEXT), "platform": TEXT, "inputs": declared, "outputs": declared}
    row = {"name": TEXT, "version": TEXT, "state": STATE, "reason": TEXT}
    server = {"name": TEXT, "version": TEXT, "extensions": listed(TEXT)}
    return {
        "InferRequest": record(request, "inputs"),
        "InferResponse": record(answer, "model_name", "model_version", "outputs"),
        "ServerMetadata": record(server, *server),
        "ModelMetadata": record(metadata, *metadata),
        "ModelConfig": record({"name": TEXT, "platform": TEXT, "backend": TEXT}, "name"),
        "ModelNames": record({"models": listed(TEXT)}, "models"),
        "Statistics": record({"model_stats": listed(record({"name": TEXT, "version": TEXT}, "name"))}, "model_stats"),
        "Index": listed(record(row, "name", "state", "reason")),
    }


def _tensorflow() -> dict[str, Schema]:
    either: list[Schema] = [{"required": ["predictions"]}, {"required": ["outputs"]}]
    return {
        "TensorflowStatus": record(
            {"name": TEXT, "ready": {"type": "boolean"}, "model_version_status": listed({})},
            *("name", "ready", "model_version_status"),
        ),
        "TensorflowPredictions": {"type": "object", "anyOf": either},
        "Result": record({"result": listed({})}, "result"),
    }


def record(properties: dict[str, Schema], *required: str) -> Schema:
    """An object; it may have other members too."""
    return {"type": "object", "properties": properties, "required": list(required)}


def listed(items: Schema) -> Schema:
    """A list of any length."""
    return {"type": "array", "items": items}


def datatype() -> Schema:
    """The name of a datatype; BF16 is read for FP32."""
    return {"type": "string", "enum": [*DTYPES, "BF16"]}
