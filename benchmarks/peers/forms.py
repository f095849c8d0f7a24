"""The forms of requests and responses: each writes the body of a request for these instances, and reads a response."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.load import Request
from benchmarks.peers.expected import Expected
from benchmarks.peers.models import Served
from benchmarks.request_bodies import GRPC, JSON, binary_body, infer_message
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import ModelInferResponse

INPUT = "X"
"""The input of the ONNX form of iris, the one model with binary and gRPC requests."""

Write = Callable[[Served, list[Any]], tuple[bytes, tuple[str, ...]]]
"""Body and headers."""
Read = Callable[[bytes], Mapping[str, Any]]
"""`predictions`, and `confidences` if the response has them."""
Form = tuple[Write, Read]


def request(form: Form, model: Served, instances: list[Any], body: Path) -> Request:
    """The request for these instances, with its body in a file."""
    write, read = form
    content, headers = write(model, instances)
    body.write_bytes(content)
    return Request(body, headers, read, Expected(model.expected(instances)), grpc=form is GRPC_INFER)


def _instances(model: Served, instances: list[Any]) -> tuple[bytes, tuple[str, ...]]:
    return orjson.dumps({"instances": instances}), (JSON,)


def _inputs(model: Served, instances: list[Any]) -> tuple[bytes, tuple[str, ...]]:
    return orjson.dumps({"inputs": instances}), (JSON,)


def _oip(model: Served, instances: list[Any]) -> tuple[bytes, tuple[str, ...]]:
    tensor: dict[str, Any] = {"name": INPUT, "shape": np.shape(instances)}
    if isinstance(instances[0], str):
        tensor |= {"datatype": "BYTES", "data": instances, "parameters": {"content_type": "str"}}
    else:
        datatype = "FP32" if model.artefact.suffix == ".onnx" else "FP64"
        tensor |= {"datatype": datatype, "data": [value for row in instances for value in row]}
    return orjson.dumps({"inputs": [tensor]}), (JSON,)


def _binary(model: Served, instances: list[Any]) -> tuple[bytes, tuple[str, ...]]:
    return binary_body(INPUT, np.array(instances, dtype="<f4"), {"binary_data_output": True})


def _grpc(model: Served, instances: list[Any]) -> tuple[bytes, tuple[str, ...]]:
    return frame(infer_message(model.name, INPUT, np.array(instances, dtype="<f4"))), GRPC


def _read_predictions(body: bytes) -> Mapping[str, Any]:
    response = json.loads(body)
    return response if isinstance(response, dict) else {}


def _read_mlflow(body: bytes) -> Mapping[str, Any]:
    """A list of labels, or the outputs of an ONNX graph by name."""
    predictions = json.loads(body).get("predictions")
    return (
        _named(list(map(np.array, predictions.values())))
        if isinstance(predictions, dict)
        else {"predictions": predictions}
    )


def _read_oip(body: bytes) -> Mapping[str, Any]:
    outputs = json.loads(body)["outputs"]
    return _named([np.array(each["data"]).reshape(each["shape"]) for each in outputs])


def _read_binary(body: bytes) -> Mapping[str, Any]:
    """The JSON, and the tensors that follow it in order."""
    head, start = json.JSONDecoder().raw_decode(body.decode("latin-1"))
    arrays = []
    for each in head["outputs"]:
        end = start + each["parameters"]["binary_data_size"]
        arrays.append(_array(each["datatype"], body[start:end], each["shape"]))
        start = end
    return _named(arrays)


def _read_grpc(message: bytes) -> Mapping[str, Any]:
    response = ModelInferResponse.FromString(message)
    if response.raw_output_contents:
        pairs = zip(response.outputs, response.raw_output_contents, strict=True)
        return _named([_array(each.datatype, raw, list(each.shape)) for each, raw in pairs])
    return _named([_typed_contents(each) for each in response.outputs])


def _typed_contents(output: Any) -> Any:
    (values,) = (list(values) for _, values in output.contents.ListFields())
    return np.array([value.decode() if isinstance(value, bytes) else value for value in values]).reshape(output.shape)


def _array(datatype: str, raw: bytes, shape: list[int]) -> Any:
    if datatype != "BYTES":
        return np.frombuffer(raw, {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8"}[datatype]).reshape(shape)
    texts = []
    while raw:
        end = 4 + int.from_bytes(raw[:4], "little")
        texts.append(raw[4:end].decode())
        raw = raw[end:]
    return np.array(texts).reshape(shape)


def _named(arrays: list[Any]) -> Mapping[str, Any]:
    """The first output has the predictions; a second one has the scores, of which the highest is the confidence."""
    # MLServer gives outputs of one column the shape (rows, 1)
    labels = arrays[0].ravel() if arrays[0].dtype.kind not in "f" else arrays[0]
    confidences = {"confidences": arrays[1].max(axis=1).tolist()} if len(arrays) > 1 else {}
    return {"predictions": labels.tolist(), **confidences}


PREDICT: Form = (_instances, _read_predictions)
MLFLOW: Form = (_inputs, _read_mlflow)
OIP_JSON: Form = (_oip, _read_oip)
OIP_BINARY: Form = (_binary, _read_binary)
GRPC_INFER: Form = (_grpc, _read_grpc)
