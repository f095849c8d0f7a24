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
def test_rows_and_columns_are_answered(replica: Make, path: str) -> None:
    one = replica()
    answer = one.ask(request(path, ONE))
    assert answer.json == {"predictions": [[3.0]]}
    assert answer.header("content-type") == "application/json"
    assert "batch" in (answer.header("server-timing") or "")
    assert one.ask(request(path, b'{"inputs": {"x": [[2], [4]]}}')).json == {"outputs": [[4.0], [8.0]]}
    assert one.by_fast_path == (one.way == "fast path")


def test_a_classifier_tells_classes_and_their_scores(replica: Make) -> None:
    model = FakeModel(lambda inputs: {"y": np.repeat(inputs["x"], 2, axis=1)}, signature=SCORED)
    answer = replica(model).ask(request(f"{ROOT}:classify", b'{"examples": [{"x": 0.5}]}'))
    assert answer.json == {"result": [[["cold", 0.5], ["hot", 0.5]]]}


def test_requests_share_calls_with_those_of_other_protocols(replica: Make) -> None:
    one = replica(warmup=DEAR)
    one.model.hold()
    with one.connect() as first, one.connect() as second, one.connect() as third:
        first.send(request(PREDICT, ONE))
        one.model.entered()
        second.send(request(PREDICT, ONE))
        third.send(request(f"{ROOT}:predict", ONE))
        one.front.until(lambda: one.in_flight == 3)
        one.model.release()
        assert third.read().json == {"predictions": [[3.0]]}
        assert first.read().status == second.read().status == 200
    assert one.model.batches == [1, 2]


def test_status_and_metadata_are_told(replica: Make) -> None:
    one = replica()
    for path in (ROOT, f"{ROOT}/versions/3"):
        [told] = one.ask(request(path, method="GET")).json["model_version_status"]
        assert (told["version"], told["state"]) == ("3", "AVAILABLE")
    for path in (f"{ROOT}/metadata", f"{ROOT}/versions/3/metadata"):
        told = one.ask(request(path, method="GET")).json
        assert told["model_spec"] == {"name": "doubler", "signature_name": "", "version": "3"}


@pytest.mark.parametrize(
    ("asked", "status", "message"),
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
def test_what_is_wrong_is_told_in_the_protocols_form(replica: Make, asked: bytes, status: int, message: str) -> None:
    with replica().connect() as client:
        answer = client.ask(asked)
        assert answer.status == status
        assert answer.json.keys() == {"error"}
        assert message in answer.json["error"]
        assert orjson.loads(client.ask(request(f"{ROOT}:predict", ONE)).body) == {"predictions": [[3.0]]}
