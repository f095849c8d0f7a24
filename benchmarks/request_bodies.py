"""The requests as files for the load programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.load import Request
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import ModelInferRequest, ModelInferResponse

JSON = "content-type: application/json"
GRPC = ("content-type: application/grpc", "te: trailers")
ROW = (5.1, 3.5, 1.4, 0.2)
SPECIES = "setosa"
"""The label of that row."""
TENSOR_VALUES = 2**18
"""FP32, so 1 MiB."""


@dataclass(frozen=True, slots=True)
class Requests:
    """All requests."""

    row: Request
    """One iris row, for predict."""
    call: Request
    """The same row, for ModelInfer."""
    tensor_json: Request
    """One row of TENSOR_VALUES numbers, for infer. The model `tensor` returns the maximum."""
    tensor_binary: Request
    """The same row with the binary tensor extension."""


def write(folder: Path) -> Requests:
    """Write the bodies into the folder."""
    values = np.random.default_rng(seed=7).standard_normal((1, TENSOR_VALUES), dtype=np.float32)
    tensor = {"name": "x", "datatype": "FP32", "shape": list(values.shape)}
    # orjson writes the shortest decimal of an FP32 value, as short as a client can send it.
    as_json = orjson.dumps({"inputs": [{**tensor, "data": values.ravel()}]}, option=orjson.OPT_SERIALIZE_NUMPY)
    binary, binary_headers = binary_body("x", values)
    row = json.dumps({"instances": [ROW]}).encode()

    def saved(name: str, body: bytes) -> Path:
        (folder / name).write_bytes(body)
        return folder / name

    largest = [[float(values.max())]]
    return Requests(
        row=Request(saved("row.json", row), (JSON,), _predictions, [SPECIES]),
        call=Request(
            saved("row.grpc", frame(infer_message("iris", "X", np.array([ROW], dtype="<f4")))),
            GRPC,
            _label,
            SPECIES.encode(),
            grpc=True,
        ),
        tensor_json=Request(saved("tensor.json", as_json), (JSON,), _output_data, largest),
        tensor_binary=Request(saved("tensor.binary", binary), binary_headers, _output_data, largest),
    )


def binary_body(name: str, values: Any, parameters: Mapping[str, Any] | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Body and headers of an infer request with one FP32 input as binary tensor, and these parameters."""
    sized = {"binary_data_size": values.nbytes}
    tensor = {"name": name, "datatype": "FP32", "shape": list(values.shape), "parameters": sized}
    header = json.dumps({"inputs": [tensor]} | ({"parameters": parameters} if parameters else {})).encode()
    split = f"inference-header-content-length: {len(header)}"
    return header + values.tobytes(), ("content-type: application/octet-stream", split)


def infer_message(model: str, name: str, values: Any) -> bytes:
    """A ModelInferRequest with one FP32 input, as raw contents."""
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name=name, datatype="FP32", shape=values.shape)
    request.raw_input_contents.append(values.tobytes())
    message: bytes = request.SerializeToString(deterministic=True)
    return message


def _predictions(body: bytes) -> Any:
    return json.loads(body).get("predictions")


def _output_data(body: bytes) -> Any:
    """The values as FP32, because JSON has their shortest decimals."""
    return [np.array(output["data"], dtype=np.float32).tolist() for output in json.loads(body)["outputs"]]


def _label(message: bytes) -> bytes:
    """The only string of the first output. Its length in 4 bytes precedes it."""
    contents: bytes = ModelInferResponse.FromString(message).raw_output_contents[0]
    return contents[4:]
