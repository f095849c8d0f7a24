"""The operations of the Open Inference Protocol (/v2) and of TensorFlow Serving (/v1)."""

from collections.abc import Iterator, Sequence

from modelyard.gateway.openapi.native_paths import EVENT_DATA, Path
from modelyard.gateway.openapi.operations import (
    JSON,
    READ_ERRORS,
    REQUEST_ERRORS,
    Operation,
    parameter_ref,
    path_parameter,
    schema_ref,
)
from modelyard.gateway.openapi.value_schemas import Schema, enumerated
from modelyard.protocols.oip.codec import HEADER_LENGTH

OIP, TENSORFLOW = "Open Inference Protocol", "TensorFlow Serving"
CONTROL_ERRORS = (400, 404, 405, 413, 500, 501, 503)
OBJECT: dict[str, Schema] = {JSON: {"type": "object"}}
OCTETS = "application/octet-stream"
BINARY: Schema = {"type": "string", "format": "binary"}
NAME, REGION = parameter_ref("ModelName"), parameter_ref("Region")
LABEL, VERSION = parameter_ref("Label"), parameter_ref("Version")
JSON_LENGTH = parameter_ref("JsonLength")


def v2_parameters(names: Sequence[str]) -> dict[str, Schema]:
    """The parameters in the components, by name. `names` are the names of the models."""
    name = enumerated(names) if names else {"type": "string", "minLength": 1}
    region = {"type": "string", "pattern": "^[A-Za-z0-9_]+$"}
    length: Schema = {
        "name": HEADER_LENGTH,
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Length in bytes of the JSON part of the body. The raw tensor contents follow it",
    }
    return {
        "JsonLength": length,
        "ModelName": path_parameter("name", name, "Name of a model"),
        "Region": path_parameter("region", region, "Name of a shared memory region"),
    }


def v2_paths() -> Iterator[Path]:
    """All paths below /v2."""
    for path, id_, summary, schema in (
        ("/v2", "oip_server", "Server metadata: name, version and extensions", "ServerMetadata"),
        ("/v2/health/live", "oip_live", "Liveness of the server", "Live"),
        ("/v2/health/ready", "oip_ready", "Readiness of the server: every required model is READY", "ModelReady"),
        ("/v2/models", "oip_models", "List the names of all models", "ModelNames"),
        ("/v2/models/stats", "oip_all_stats", "Statistics of all models that are READY", "Statistics"),
    ):
        yield path, "get", Operation(id_, summary, OIP, {JSON: schema_ref(schema)})
    index_request: dict[str, Schema] = {JSON: {"type": "object", "properties": {"ready": {"type": "boolean"}}}}
    index = Operation(
        "oip_index",
        "List every version of every model with its state",
        OIP,
        {JSON: schema_ref("Index")},
        index_request,
        REQUEST_ERRORS,
        body_required=False,
    )
    yield "/v2/repository/index", "post", index
    for verb, summary, response in (
        ("load", "Load a model of a pool into memory; succeeds for another model if it is READY", OBJECT),
        ("unload", "Evict a model of a pool from memory; its next request loads it again. Rejected for others", OBJECT),
    ):
        operation = Operation(
            f"oip_{verb}", summary, OIP, response, OBJECT, CONTROL_ERRORS, (NAME,), body_required=False
        )
        yield f"/v2/repository/models/{{name}}/{verb}", "post", operation
    yield from _unsupported_paths()
    for root, suffix, parameters in _model_roots("/v2/models/{name}"):
        yield from _v2_model_paths(root, suffix, parameters)
    for verb in ("get", "post"):
        yield "/v2/models/{name}/trace/setting", verb, _unsupported(f"oip_model_trace_{verb}", (NAME,))


def v1_paths() -> Iterator[Path]:
    """All paths below /v1."""
    models = Operation("tf_models", "List the names of all models", TENSORFLOW, {JSON: schema_ref("ModelNames")})
    yield "/v1/models", "get", models
    labelled = "/v1/models/{name}/labels/{label}", "_label", (NAME, LABEL)
    for root, suffix, parameters in (*_model_roots("/v1/models/{name}"), labelled):
        status = {JSON: schema_ref("TensorflowStatus")}
        yield (
            root,
            "get",
            Operation(
                f"tf_status{suffix}", "Status of the served versions", TENSORFLOW, status, {}, READ_ERRORS, parameters
            ),
        )
        metadata = Operation(
            f"tf_metadata{suffix}", "Model metadata: the signature", TENSORFLOW, OBJECT, {}, READ_ERRORS, parameters
        )
        yield f"{root}/metadata", "get", metadata
        for verb, summary, schema in (
            ("predict", "Predict from rows or columns", "TensorflowPredictions"),
            ("classify", "Classify examples: the score of each class", "Result"),
            ("regress", "Regress examples: one value each", "Result"),
        ):
            response = {JSON: schema_ref(schema)}
            operation = Operation(
                f"tf_{verb}{suffix}", summary, TENSORFLOW, response, OBJECT, REQUEST_ERRORS, parameters
            )
            yield f"{root}:{verb}", "post", operation


def _model_roots(root: str) -> Iterator[tuple[str, str, tuple[Schema, ...]]]:
    """The root of a model's paths and that of a version's paths, with a suffix for ids and the parameters."""
    yield root, "", (NAME,)
    yield f"{root}/versions/{{version}}", "_version", (NAME, VERSION)


def _v2_model_paths(root: str, suffix: str, parameters: tuple[Schema, ...]) -> Iterator[Path]:
    for path, id_, summary, schema in (
        ("", "metadata", "Model metadata: inputs and outputs", "ModelMetadata"),
        ("/ready", "model_ready", "Readiness of the model", "ModelReady"),
        ("/config", "config", "Model configuration in Triton's format", "ModelConfig"),
        ("/stats", "stats", "Statistics of the model", "Statistics"),
    ):
        response = {JSON: schema_ref(schema)}
        yield (
            f"{root}{path}",
            "get",
            Operation(f"oip_{id_}{suffix}", summary, OIP, response, {}, READ_ERRORS, parameters),
        )
    tensors: dict[str, Schema] = {JSON: schema_ref("InferRequest"), OCTETS: BINARY}
    outputs: dict[str, Schema] = {JSON: schema_ref("InferResponse"), OCTETS: BINARY}
    errors = (*REQUEST_ERRORS, 415)
    with_length = (*parameters, JSON_LENGTH)
    for verb, summary, response, request, options in (
        ("infer", "Infer from tensors", outputs, tensors, with_length),
        ("infer_stream", "Infer, with the outputs as server-sent events", EVENT_DATA, tensors, with_length),
        ("generate", "Infer from one JSON member per input", OBJECT, OBJECT, parameters),
        (
            "generate_stream",
            "Infer from one JSON member per input, with the outputs as server-sent events",
            EVENT_DATA,
            OBJECT,
            parameters,
        ),
    ):
        operation = Operation(f"oip_{verb}{suffix}", summary, OIP, response, request, errors, options)
        yield f"{root}/{verb}", "post", operation


def _unsupported_paths() -> Iterator[Path]:
    """Triton's extensions that are not supported: shared memory, tracing, logging."""
    for kind in ("system", "cuda"):
        root = f"/v2/{kind}sharedmemory"
        empty: dict[str, Schema] = {JSON: {"type": "array", "items": {}, "maxItems": 0}}
        summary = "List the shared memory regions. Always empty: shared memory is not supported"
        yield f"{root}/status", "get", Operation(f"oip_{kind}_memory", summary, OIP, empty)
        yield f"{root}/unregister", "post", _unsupported(f"oip_{kind}_unregister_all", ())
        for verb in ("register", "unregister"):
            yield f"{root}/region/{{region}}/{verb}", "post", _unsupported(f"oip_{kind}_{verb}", (REGION,))
    for path in ("trace/setting", "logging"):
        for method in ("get", "post"):
            yield f"/v2/{path}", method, _unsupported(f"oip_{path.replace('/', '_')}_{method}", ())


def _unsupported(id_: str, parameters: tuple[Schema, ...]) -> Operation:
    return Operation(id_, "Not supported", OIP, {}, {}, CONTROL_ERRORS, parameters)
