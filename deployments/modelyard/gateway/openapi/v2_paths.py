"""The paths of the Open Inference Protocol, and of TensorFlow Serving. Pure."""

from collections.abc import Iterator, Sequence

from modelyard.gateway.openapi.operations import ASKING, JSON, READING, Operation, in_path, named, parameter
from modelyard.gateway.openapi.own_paths import EVENT_DATA, Path
from modelyard.gateway.openapi.values import Schema, enumerated
from modelyard.protocols.oip.codec import HEADER_LENGTH

OIP, TENSORFLOW = "Open Inference Protocol", "TensorFlow Serving"
CONTROLLING = (400, 404, 405, 413, 500, 501, 503)
OBJECT: dict[str, Schema] = {JSON: {"type": "object"}}
OCTETS = "application/octet-stream"
BINARY: Schema = {"type": "string", "format": "binary"}
NAME, REGION = parameter("ModelName"), parameter("Region")
LABEL, VERSION = parameter("Label"), parameter("Version")
JSON_LENGTH = parameter("JsonLength")


def v2_parameters(names: Sequence[str]) -> dict[str, Schema]:
    """Components of parameters, by name; `names` are those of the models."""
    name = enumerated(names) if names else {"type": "string", "minLength": 1}
    region = {"type": "string", "pattern": "^[A-Za-z0-9_]+$"}
    length: Schema = {
        "name": HEADER_LENGTH,
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "bytes of the JSON, behind which raw contents stand",
    }
    return {
        "JsonLength": length,
        "ModelName": in_path("name", name, "a model"),
        "Region": in_path("region", region, "a region of shared memory"),
    }


def v2_paths() -> Iterator[Path]:
    """Everything below /v2."""
    yield "/v2", "get", _server("oip_server", "Name, version and extensions", "ServerMetadata")
    yield "/v2/health/live", "get", _server("oip_live", "The server runs", "Live")
    yield "/v2/health/ready", "get", _server("oip_ready", "Every required model is ready", "ModelReady")
    yield "/v2/models", "get", _server("oip_models", "Names of all models", "ModelNames")
    yield "/v2/models/stats", "get", _server("oip_all_stats", "What all models have done", "Statistics")
    index: dict[str, Schema] = {JSON: {"type": "object", "properties": {"ready": {"type": "boolean"}}}}
    listed = Operation(
        "oip_index", "Every version of every model", OIP, {JSON: named("Index")}, index, ASKING, body_required=False
    )
    yield "/v2/repository/index", "post", listed
    for verb in ("load", "unload"):
        gives = OBJECT if verb == "load" else {}
        told = Operation(
            f"oip_{verb}", f"{verb} a model", OIP, gives, OBJECT, CONTROLLING, (NAME,), body_required=False
        )
        yield f"/v2/repository/models/{{name}}/{verb}", "post", told
    yield from _unsupported()
    for root, suffix, parameters in below("/v2/models/{name}"):
        yield from _of_a_model(root, suffix, parameters)
    for verb in ("get", "post"):
        traced = _refused(f"oip_model_trace_{verb}", (NAME,))
        yield "/v2/models/{name}/trace/setting", verb, traced


def v1_paths() -> Iterator[Path]:
    """Everything below /v1."""
    listed = Operation("tf_models", "Names of all models", TENSORFLOW, {JSON: named("ModelNames")})
    yield "/v1/models", "get", listed
    takes: dict[str, Schema] = {JSON: {"type": "object"}}
    labelled = "/v1/models/{name}/labels/{label}", "_label", (NAME, LABEL)
    for root, suffix, parameters in (*below("/v1/models/{name}"), labelled):
        status = {JSON: named("TensorflowStatus")}
        yield (
            root,
            "get",
            Operation(f"tf_status{suffix}", "What is served", TENSORFLOW, status, {}, READING, parameters),
        )
        metadata = Operation(f"tf_metadata{suffix}", "Inputs and outputs", TENSORFLOW, OBJECT, {}, READING, parameters)
        yield f"{root}/metadata", "get", metadata
        for verb, result in (("predict", "TensorflowPredictions"), ("classify", "Result"), ("regress", "Result")):
            gives = {JSON: named(result)}
            asked = Operation(f"tf_{verb}{suffix}", f"Ask it to {verb}", TENSORFLOW, gives, takes, ASKING, parameters)
            yield f"{root}:{verb}", "post", asked


def below(root: str) -> Iterator[tuple[str, str, tuple[Schema, ...]]]:
    """A model's own paths, and those of its versions."""
    yield root, "", (NAME,)
    yield f"{root}/versions/{{version}}", "_version", (NAME, VERSION)


def _of_a_model(root: str, suffix: str, parameters: tuple[Schema, ...]) -> Iterator[Path]:
    for path, id_, summary, schema in (
        ("", "metadata", "Inputs and outputs", "ModelMetadata"),
        ("/ready", "model_ready", "Whether it answers", "ModelReady"),
        ("/config", "config", "How it is configured, in Triton's words", "ModelConfig"),
        ("/stats", "stats", "What it has done", "Statistics"),
    ):
        gives = {JSON: named(schema)}
        yield f"{root}{path}", "get", Operation(f"oip_{id_}{suffix}", summary, OIP, gives, {}, READING, parameters)
    takes: dict[str, Schema] = {JSON: named("InferRequest"), OCTETS: BINARY}
    answers: dict[str, Schema] = {JSON: named("InferResponse"), OCTETS: BINARY}
    asking = (*ASKING, 415)
    measured = (*parameters, JSON_LENGTH)
    yield f"{root}/infer", "post", Operation(f"oip_infer{suffix}", "Ask it", OIP, answers, takes, asking, measured)
    told = Operation(f"oip_infer_stream{suffix}", "The same in parts", OIP, EVENT_DATA, takes, asking, measured)
    yield f"{root}/infer_stream", "post", told
    for verb, gives in (("generate", OBJECT), ("generate_stream", EVENT_DATA)):
        told = Operation(f"oip_{verb}{suffix}", "Ask it by inputs' names", OIP, gives, OBJECT, asking, parameters)
        yield f"{root}/{verb}", "post", told


def _unsupported() -> Iterator[Path]:
    """What a server without these extensions answers."""
    for kind in ("system", "cuda"):
        root = f"/v2/{kind}sharedmemory"
        nothing: dict[str, Schema] = {JSON: {"type": "array", "items": {}, "maxItems": 0}}
        yield f"{root}/status", "get", Operation(f"oip_{kind}_memory", "Shared memory: none", OIP, nothing)
        yield f"{root}/unregister", "post", _refused(f"oip_{kind}_unregister_all", ())
        for verb in ("register", "unregister"):
            yield f"{root}/region/{{region}}/{verb}", "post", _refused(f"oip_{kind}_{verb}", (REGION,))
    for path in ("trace/setting", "logging"):
        for method in ("get", "post"):
            yield f"/v2/{path}", method, _refused(f"oip_{path.replace('/', '_')}_{method}", ())


def _refused(id_: str, parameters: tuple[Schema, ...]) -> Operation:
    return Operation(id_, "Is not supported", OIP, {}, {}, CONTROLLING, parameters)


def _server(id_: str, summary: str, schema: str) -> Operation:
    return Operation(id_, summary, OIP, {JSON: named(schema)})
