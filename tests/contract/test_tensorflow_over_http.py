"""What clients of TensorFlow Serving get from a replica: the same on the fast path and on the slow path."""

import numpy as np
import orjson
import pytest

from modelyard.tensors import FREE, Signature, TensorSpec
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import DEAR, ONE, PREDICT
from tests.fakes import FakeModel

ROOT = "/v1/models/doubler"
SCORED = Signature(
    (TensorSpec("x", "FP32", (FREE, 1)),),
    (TensorSpec("y", "FP32", (FREE, 2)),),
    task="classification",
    classes=("cold", "hot"),
    scores="y",
)


@pytest.mark.parametrize("path", [f"{ROOT}:predict", f"{ROOT}/versions/3:predict"])
def test_rows_and_columns_get_predictions(replica: Make, path: str) -> None:
    rig = replica()
    response = rig.fetch(request(path, ONE))
    assert response.json == {"predictions": [[3.0]]}
    assert response.header("content-type") == "application/json"
    assert "batch" in (response.header("server-timing") or "")
    assert rig.fetch(request(path, b'{"inputs": {"x": [[2], [4]]}}')).json == {"outputs": [[4.0], [8.0]]}
    assert rig.by_fast_path == (rig.way == "fast path")


def test_classify_returns_classes_and_scores(replica: Make) -> None:
    model = FakeModel(lambda inputs: {"y": np.repeat(inputs["x"], 2, axis=1)}, signature=SCORED)
    response = replica(model).fetch(request(f"{ROOT}:classify", b'{"examples": [{"x": 0.5}]}'))
    assert response.json == {"result": [[["cold", 0.5], ["hot", 0.5]]]}


def test_requests_share_calls_with_those_of_other_protocols(replica: Make) -> None:
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as second, rig.connect() as third:
        first.send(request(PREDICT, ONE))
        rig.model.entered()
        second.send(request(PREDICT, ONE))
        third.send(request(f"{ROOT}:predict", ONE))
        rig.http_server.until(lambda: rig.in_flight == 3)
        rig.model.release()
        assert third.read().json == {"predictions": [[3.0]]}
        assert first.read().status == second.read().status == 200
    assert rig.model.batches == [1, 2]


def test_status_and_metadata_are_returned(replica: Make) -> None:
    rig = replica()
    for path in (ROOT, f"{ROOT}/versions/3"):
        [result] = rig.fetch(request(path, method="GET")).json["model_version_status"]
        assert (result["version"], result["state"]) == ("3", "AVAILABLE")
    for path in (f"{ROOT}/metadata", f"{ROOT}/versions/3/metadata"):
        result = rig.fetch(request(path, method="GET")).json
        assert result["model_spec"] == {"name": "doubler", "signature_name": "", "version": "3"}


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (request(f"{ROOT}:predict", b"{"), 400, "not valid JSON"),
        (request(f"{ROOT}:predict", b'{"instances": [["a"]]}'), 400, 'got the string "a" at /instances/0/0'),
        (request(f"{ROOT}:regress", b'{"examples": 1}'), 400, "expected a list of objects"),
        (request(f"{ROOT}/labels/next:predict", ONE), 404, "has the label 'next'; labels: stable"),
        (request(f"{ROOT}:classify", b'{"examples": [{"x": 1}]}'), 400, "use :predict"),
        (request(f"{ROOT}:predict", b"x", content_encoding="br"), 415, "'br' is not supported"),
        (request(f"{ROOT}/versions/9:predict", ONE), 404, "no version '9' here; served: 3, stable"),
        (request(f"{ROOT}:explain", ONE), 404, "has no path"),
        (request(f"{ROOT}:predict", method="GET"), 405, "supports POST, not GET"),
        (request(ROOT, ONE), 405, "supports GET, not POST"),
    ],
)
def test_errors_have_the_protocols_form(replica: Make, sent: bytes, status: int, message: str) -> None:
    with replica().connect() as client:
        response = client.fetch(sent)
        assert response.status == status
        assert response.json.keys() == {"error"}
        assert message in response.json["error"]
        assert orjson.loads(client.fetch(request(f"{ROOT}:predict", ONE)).body) == {"predictions": [[3.0]]}
