"""The other servers and our codecs read the prepared requests as intended."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from benchmarks import metrics_overhead, request_bodies
from benchmarks.artefacts import iris_as_onnx, largest_as_onnx
from benchmarks.request_bodies import SPECIES, TENSOR_VALUES, Requests
from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.runtimes.registry import runtime


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> Requests:
    return request_bodies.write(tmp_path_factory.mktemp("requests"))


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("iris") / "model.onnx"
    path.write_bytes(iris_as_onnx().content)
    return path


def test_the_rivals_return_the_expected_label_in_both_protocols(
    requests: Requests, iris: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL", str(iris))
    from benchmarks.rivals import grpc_aio
    from benchmarks.rivals.plain_uvicorn import app

    response = app.model.predict(json.loads(requests.row.body.read_bytes())["instances"])
    assert requests.row.read(json.dumps(response).encode()) == requests.row.expected == [SPECIES]
    assert 0.9 < response["confidences"][0] <= 1

    message = grpc_aio.METHOD.request.FromString(requests.call.body.read_bytes()[5:])
    reply = grpc_aio.Servicer(app.model).predict(message).SerializeToString()
    assert requests.call.read(reply) == requests.call.expected == SPECIES.encode()


def test_both_forms_of_the_tensor_have_the_same_numbers_and_the_expected_maximum(requests: Requests) -> None:
    as_json = json.loads(requests.tensor_json.body.read_bytes())["inputs"][0]
    body = requests.tensor_binary.body.read_bytes()
    split = int(requests.tensor_binary.headers[1].partition(": ")[2])
    as_binary = json.loads(body[:split])["inputs"][0]
    values = np.array(as_json.pop("data"), dtype=np.float32)
    assert values.tobytes() == body[split:]
    assert as_binary.pop("parameters") == {"binary_data_size": len(body) - split} == {"binary_data_size": 2**20}
    assert as_json == as_binary == {"name": "x", "datatype": "FP32", "shape": [1, TENSOR_VALUES]}

    (largest,) = onnxruntime.InferenceSession(largest_as_onnx()).run(None, {"x": values.reshape(1, -1)})
    response = json.dumps({"outputs": [{"name": "largest", "data": largest.tolist()}]}).encode()
    assert requests.tensor_json.read(response) == requests.tensor_json.expected == requests.tensor_binary.expected


def test_our_codec_reads_the_call_and_writes_the_expected_label(requests: Requests, iris: Path) -> None:
    model = runtime("onnx").load({"model.onnx": iris.read_bytes()}, ModelSpec(name="iris"), cpus=1)
    codec = GrpcInferCodec("iris", 1, model.signature)
    call = codec.decode(ModelInferRequest.FromString(requests.call.body.read_bytes()[5:]))
    response = codec.encode(call, model.predict(call.request.inputs, call.request.outputs))
    assert requests.call.read(response.SerializeToString()) == requests.call.expected


def test_our_codec_reads_the_tensor_in_both_forms_and_writes_the_expected_maximum(requests: Requests) -> None:
    model = runtime("onnx").load({"model.onnx": largest_as_onnx()}, ModelSpec(name="tensor"), cpus=1)
    codec = InferCodec("tensor", 1, model.signature)
    for request in (requests.tensor_json, requests.tensor_binary):
        split = dict(header.split(": ") for header in request.headers).get("inference-header-content-length", "")
        call = codec.decode(request.body.read_bytes(), split.encode())
        response = codec.encode(call, model.predict(call.request.inputs, call.request.outputs))
        assert request.read(response.body) == request.expected


def test_every_request_succeeds_with_and_without_metrics(requests: Requests, iris: Path) -> None:
    overhead = metrics_overhead.measure(iris, requests.row, pairs=2, waves=1)
    assert [len(overhead.with_us), len(overhead.without_us)] == [2, 2]
    assert overhead.ratio > 0
