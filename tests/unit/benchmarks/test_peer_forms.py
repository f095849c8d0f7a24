"""Every form of a request carries the instances, and every form of a response is read for its values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import forms
from benchmarks.peers.expected import Expected
from benchmarks.peers.models import Served, make
from benchmarks.rivals.inference import load, response_of_each
from benchmarks.rivals.oip_binary import read_request, write_response
from modelyard.protocols.grpc.messages import ModelInferRequest, ModelInferResponse

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return make("iris-onnx", tmp_path_factory.mktemp("models"))


def sent(form: forms.Form, iris: Served, folder: Path) -> tuple[bytes, dict[str, str], forms.Request]:
    request = forms.request(form, iris, ROWS, folder / "body")
    headers = dict(header.split(": ", 1) for header in request.headers)
    return request.body.read_bytes(), headers, request


def test_json_forms_have_the_rows_under_the_keys_of_their_protocols(iris: Served, tmp_path: Path) -> None:
    assert json.loads(sent(forms.PREDICT, iris, tmp_path)[0]) == {"instances": ROWS}
    assert json.loads(sent(forms.MLFLOW, iris, tmp_path)[0]) == {"inputs": ROWS}
    (tensor,) = json.loads(sent(forms.OIP_JSON, iris, tmp_path)[0])["inputs"]
    assert tensor == {"name": "X", "shape": [2, 4], "datatype": "FP32", "data": [*ROWS[0], *ROWS[1]]}


def test_the_plain_server_reads_binary_tensors_and_its_response_is_read(iris: Served, tmp_path: Path) -> None:
    body, headers, request = sent(forms.OIP_BINARY, iris, tmp_path)
    rows = read_request(body, int(headers["inference-header-content-length"]))
    assert rows.tolist() == np.array(ROWS, np.float32).tolist()
    model = load(str(iris.artefact))
    response, _ = write_response(model.names, model.run(rows))
    assert request.read(response)["predictions"] == ["setosa", "virginica"]
    assert request.read(response) == request.expected


@pytest.mark.parametrize("raw", [True, False])
def test_grpc_responses_are_read_with_raw_and_with_typed_contents(iris: Served, tmp_path: Path, raw: bool) -> None:
    body, _, request = sent(forms.GRPC_INFER, iris, tmp_path)
    message = ModelInferRequest.FromString(body[5:])
    assert (message.model_name, list(message.inputs[0].shape), request.grpc) == ("iris-onnx", [2, 4], True)
    labels, scores = load(str(iris.artefact)).run(np.array(ROWS, np.float32))
    response = ModelInferResponse()
    first = response.outputs.add(name="label", datatype="BYTES", shape=[2])
    second = response.outputs.add(name="scores", datatype="FP32", shape=[2, 3])
    texts = [label.encode() for label in labels]
    if raw:
        response.raw_output_contents.append(b"".join(len(text).to_bytes(4, "little") + text for text in texts))
        response.raw_output_contents.append(scores.tobytes())
    else:
        first.contents.bytes_contents.extend(texts)
        second.contents.fp32_contents.extend(scores.ravel().tolist())
    assert request.read(response.SerializeToString()) == request.expected


@pytest.mark.parametrize(
    ("form", "response"),
    [
        (forms.PREDICT, {"predictions": ["a", "b"], "confidences": [0.5, 0.75], "model": "m"}),
        (forms.MLFLOW, {"predictions": {"label": ["a", "b"], "scores": [[0.5, 0.1], [0.25, 0.75]]}}),
        (forms.MLFLOW, {"predictions": ["a", "b"]}),
        (
            forms.OIP_JSON,
            {
                "outputs": [
                    {"shape": [2, 1], "data": ["a", "b"]},
                    {"shape": [2, 2], "data": [0.5, 0.1, 0.25, 0.75]},
                ]
            },
        ),
    ],
)
def test_json_responses_of_all_protocols_are_read(form: forms.Form, response: dict[str, Any]) -> None:
    _, read = form
    found = read(json.dumps(response).encode())
    assert found == Expected({"predictions": ["a", "b"], "confidences": [0.5, 0.75]})
    assert found["predictions"] == ["a", "b"]


def test_other_values_are_not_as_expected() -> None:
    expected = Expected({"predictions": ["a"], "confidences": [0.5]})
    assert expected == {"predictions": ["a"], "confidences": [0.50001]}
    assert expected != {"predictions": ["b"], "confidences": [0.5]}
    assert expected != {"predictions": ["a"], "confidences": [0.51]}
    assert expected != {"confidences": [0.5]}
    assert Expected({"predictions": [[0.25, 0.5]]}) == {"predictions": [[0.25, 0.5]]}
    assert Expected({"predictions": [[0.25, 0.5]]}) != {"predictions": [[0.25]]}


def test_the_responses_of_a_batch_are_those_of_its_requests(iris: Served) -> None:
    model = load(str(iris.artefact))
    together = response_of_each(model.run(model.rows([ROWS[0], *ROWS])), [1, 2])
    assert together == [Expected(model.predict(ROWS[:1])), Expected(model.predict(ROWS))]
