"""The Open Inference Protocol's paths of a model other than infer: the same on the fast path and on the slow path."""

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.gateway.model_statistics import version_work
from modelyard.replica.metrics import model_snapshot
from tests.contract.client import Response, request
from tests.contract.conftest import Make
from tests.contract.oip import INFER, VERSIONED, body, infer, refused, values
from tests.contract.replica import ONE, PREDICT, Replica


def fetch(rig: Replica, path: str, method: str = "GET") -> Response:
    return rig.fetch(request(path, method=method))


def test_metadata_names_versions_inputs_and_outputs(replica: Make) -> None:
    rig = replica()
    for path in ("/v2/models/doubler", "/v2/models/doubler/versions/3"):
        assert fetch(rig, path).json == {
            "name": "doubler",
            "versions": ["3"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
        }


def test_a_model_that_responds_is_ready(replica: Make) -> None:
    rig = replica()
    for path in ("/v2/models/doubler/ready", "/v2/models/doubler/versions/3/ready"):
        assert fetch(rig, path).json == {"name": "doubler", "ready": True}


def test_the_configuration_is_in_tritons_format(replica: Make) -> None:
    config = fetch(replica(), "/v2/models/doubler/config").json
    assert config["max_batch_size"] == 64
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [1], "format": "FORMAT_NONE"}]
    assert config["backend"] == "onnxruntime"


def test_statistics_are_made_of_what_a_replica_counts_by_all_protocols(replica: Make) -> None:
    rig = replica()
    rig.fetch(infer(body(1, 2, 3)))
    rig.fetch(infer(b"{"))
    rig.fetch(request(PREDICT, ONE))
    rig.http_server.until(lambda: not rig.in_flight)
    totals = model_snapshot(ModelSpec(name="doubler"), {3: rig.version}).totals
    work = version_work(totals, "doubler", "3")
    assert (work.rows, work.calls, work.succeeded, work.failed, work.queued) == (4, 2, 2, 1, 2)
    assert 0 < work.compute_ns < work.total_ns
    assert 0 < work.queue_ns < work.total_ns


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_tracing_is_not_supported(replica: Make, method: str) -> None:
    refused(fetch(replica(), "/v2/models/doubler/trace/setting", method), 501, "does not support tracing")


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [(INFER, "GET", "POST"), (VERSIONED, "PUT", "POST"), ("/v2/models/doubler", "POST", "GET, HEAD")],
)
def test_another_method_is_405_and_the_response_names_the_allowed_one(
    replica: Make, path: str, method: str, allow: str
) -> None:
    response = fetch(replica(), path, method)
    refused(response, 405, f"not {method}")
    assert response.header("allow") == allow


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/doubler/versions/4/infer", "has no version '4' here; served: 3"),
        ("/v2/models/doubler/versions/latest", "has no version 'latest'"),
        ("/v2/models/doubler/inference", "has no path"),
        ("/v2/models/doubler/infer%0A", "has no path"),
    ],
)
def test_a_path_or_version_that_is_not_there_is_404(replica: Make, path: str, message: str) -> None:
    refused(replica().fetch(infer(body(1), path=path)), 404, message)


@pytest.mark.parametrize(
    ("path", "alone", "pooled"),
    [
        ("/v2/models/tripler/infer", "has no path", "Request for unknown model: 'tripler' is not found"),
        ("/v2/else", "has no path", "there is no path '/v2/else'"),
    ],
)
def test_a_path_of_no_model_is_404(replica: Make, in_pool: bool, path: str, alone: str, pooled: str) -> None:
    refused(replica().fetch(infer(body(1), path=path)), 404, pooled if in_pool else alone)


def test_a_path_below_the_models_own_route_is_the_same(replica: Make) -> None:
    rig = replica()
    assert values(rig.fetch(infer(body(1), path=f"/models/doubler/-{INFER}"))) == [2]
    refused(rig.fetch(infer(b"{", path=f"/models/doubler/-{INFER}")), 400, "not valid JSON")
