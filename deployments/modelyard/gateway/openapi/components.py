"""The schemas in the document's components that do not depend on the models."""

from modelyard.gateway.openapi.operations import schema_ref
from modelyard.gateway.openapi.predict_schemas import predict_components, predict_shared
from modelyard.gateway.openapi.value_schemas import Schema
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.tensors import DTYPES

TEXT: Schema = {"type": "string"}
STATE: Schema = {"type": "string", "enum": ["READY", "LOADING", "UNAVAILABLE"]}
SHAPE: Schema = {"type": "array", "items": {"type": "integer"}}
PARAMETERS: Schema = {"type": "object"}


def components() -> dict[str, Schema]:
    """The schemas by name."""
    return {
        **_errors(),
        **_catalogue(),
        **_inference(),
        **_tensorflow(),
        **predict_components("", None),
        **predict_shared(),
        "EventData": {"description": "Server-sent events. The data of each event is JSON"},
    }


def _errors() -> dict[str, Schema]:
    invalid_value = object_schema(
        {"pointer": _text("JSON Pointer to the invalid value in the request"), "detail": TEXT}, "pointer", "detail"
    )
    problem = {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "instance": TEXT,
        "request_id": _text("The request's x-request-id, for the server's logs"),
        "errors": list_schema(invalid_value),
    }
    return {
        "Problem": {
            **object_schema(problem, "type", "title", "status", "detail"),
            "description": "An error as a problem document (RFC 9457)",
        },
        "Error": {
            **object_schema({"error": TEXT}, "error"),
            "description": "An error in the form of the Open Inference Protocol and of TensorFlow Serving",
        },
        "Bytes": {
            **object_schema({BASE64_KEY: {"type": "string", "contentEncoding": "base64"}}, BASE64_KEY),
            "maxProperties": 1,
            "description": "Bytes in Base64, for strings that are not UTF-8",
        },
    }


def _catalogue() -> dict[str, Schema]:
    version = object_schema({"version": TEXT, "digest": TEXT, "state": STATE}, "version", "digest")
    tensor = object_schema(
        {"name": TEXT, "datatype": datatype(), "shape": SHAPE, "columns": list_schema(TEXT)}, "name", "datatype"
    )
    model = {
        "name": TEXT,
        "state": STATE,
        "description": TEXT,
        "url": TEXT,
        "reason": _text("Why the model is not READY, or why its last change was rejected"),
        "runtime": TEXT,
        "versions": list_schema(version),
        "default_version": TEXT,
        "version_labels": {"type": "object", "additionalProperties": TEXT},
        "pool": _text("The pool of the model, if it is in one"),
        "residency": {**TEXT, "enum": ["RESIDENT", "COLD", "LOADING", "FAILED"]},
        "resident_bytes": {"type": "integer"},
        "load_s": {"type": "number"},
        "task": TEXT,
        "inputs": list_schema(tensor),
        "outputs": list_schema(tensor),
        "classes": list_schema({}),
        "batching": object_schema({"batched": {"type": "boolean"}, "reason": TEXT}, "batched"),
        "notes": list_schema(TEXT),
        "example": {"description": "A valid body for `predict`"},
        "curl": _text("A shell command that sends the example"),
    }
    boolean = {"type": "boolean"}
    waiting_for = {**list_schema(TEXT), "description": "Required models that are not READY"}
    return {
        "Live": object_schema({"live": boolean}, "live"),
        "Ready": object_schema({"ready": boolean, "waiting_for": waiting_for}, "ready", "waiting_for"),
        "ModelReady": object_schema({"name": TEXT, "ready": boolean}, "ready"),
        "Model": object_schema(model, "name", "state"),
        "Models": object_schema(
            {"models": list_schema(schema_ref("Model")), "total": {"type": "integer"}, "next_after": TEXT}, "models"
        ),
    }


def _inference() -> dict[str, Schema]:
    tensor = {"name": TEXT, "datatype": datatype(), "shape": SHAPE, "parameters": PARAMETERS, "data": list_schema({})}
    given, requested = (
        object_schema(tensor, "name", "datatype", "shape"),
        object_schema({"name": TEXT, "parameters": PARAMETERS}, "name"),
    )
    request = {"id": TEXT, "parameters": PARAMETERS, "inputs": list_schema(given), "outputs": list_schema(requested)}
    response = {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": list_schema(given)}
    declared = list_schema(
        object_schema({"name": TEXT, "datatype": datatype(), "shape": SHAPE}, "name", "datatype", "shape")
    )
    metadata = {"name": TEXT, "versions": list_schema(TEXT), "platform": TEXT, "inputs": declared, "outputs": declared}
    row = {"name": TEXT, "version": TEXT, "state": STATE, "reason": TEXT}
    server = {"name": TEXT, "version": TEXT, "extensions": list_schema(TEXT)}
    return {
        "InferRequest": object_schema(request, "inputs"),
        "InferResponse": object_schema(response, "model_name", "model_version", "outputs"),
        "ServerMetadata": object_schema(server, *server),
        "ModelMetadata": object_schema(metadata, *metadata),
        "ModelConfig": object_schema({"name": TEXT, "platform": TEXT, "backend": TEXT}, "name"),
        "ModelNames": object_schema({"models": list_schema(TEXT)}, "models"),
        "Statistics": object_schema(
            {"model_stats": list_schema(object_schema({"name": TEXT, "version": TEXT}, "name"))}, "model_stats"
        ),
        "Index": list_schema(object_schema(row, "name", "state", "reason")),
    }


def _tensorflow() -> dict[str, Schema]:
    either: list[Schema] = [{"required": ["predictions"]}, {"required": ["outputs"]}]
    return {
        "TensorflowStatus": object_schema(
            {"name": TEXT, "ready": {"type": "boolean"}, "model_version_status": list_schema({})},
            *("name", "ready", "model_version_status"),
        ),
        "TensorflowPredictions": {"type": "object", "anyOf": either},
        "Result": object_schema({"result": list_schema({})}, "result"),
    }


def object_schema(properties: dict[str, Schema], *required: str) -> Schema:
    """An object with these properties. Further properties are allowed."""
    return {"type": "object", "properties": properties, "required": list(required)}


def _text(description: str) -> Schema:
    return {**TEXT, "description": description}


def list_schema(items: Schema) -> Schema:
    """An array of any length."""
    return {"type": "array", "items": items}


def datatype() -> Schema:
    """The name of a datatype. Requests may send FP32 inputs as BF16."""
    return {"type": "string", "enum": [*DTYPES, "BF16"]}
