"""Responses of the real server, through HAProxy."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serve.conftest import EXAMPLES, example_body
from tests.serve.project import Server

CLASSIFIERS = ("iris", "breast-cancer", "digits", "ticket-topic")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_model_predicts_its_example(server: Server, name: str) -> None:
    body = example_body(name)
    response = server.predict(name, body)
    assert response.status_code == 200, response.text
    result = response.json()
    assert result["model_name"] == name
    assert result["model_version"] == "1"
    assert len(result["predictions"]) == len(body["instances"])
    if name in CLASSIFIERS:
        assert all(0 < confidence <= 1 for confidence in result["confidences"])


def test_a_large_body_is_decoded_in_a_separate_process(server: Server) -> None:
    few = example_body("iris")["instances"]
    times = 60_000 // len(few)
    result = server.predict("iris", {"instances": few * times})
    assert result.status_code == 200, result.text
    assert server.pids("modelyard.protocols.decoder.program")
    assert result.json()["predictions"] == server.predict("iris", {"instances": few}).json()["predictions"] * times


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_curl_command_of_a_models_description_works(server: Server, name: str) -> None:
    curl = server.get(f"/models/{name}").json()["curl"]
    pasted = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=60, check=True)
    assert "predictions" in json.loads(pasted.stdout)


def test_a_classifier_returns_classes_and_probabilities_on_request(server: Server) -> None:
    body = example_body("iris") | {"probabilities": True}
    result = server.predict("iris", body).json()
    assert result["classes"] == ["setosa", "versicolor", "virginica"]
    for label, confidence, row in zip(
        result["predictions"], result["confidences"], result["probabilities"], strict=True
    ):
        assert sum(row) == pytest.approx(1)
        assert row[result["classes"].index(label)] == pytest.approx(confidence)


def test_the_versioned_path_returns_the_same_as_the_plain_one(server: Server) -> None:
    body = example_body("iris")
    plain = server.predict("iris", body).json()
    versioned = server.http.post(f"{server.url}/models/iris/versions/1/predict", json=body, timeout=30).json()
    assert plain == versioned


def test_csv_columns_are_matched_by_name(server: Server) -> None:
    rows = example_body("iris")["instances"]
    text = ",".join(rows[0]) + "\n" + "\n".join(",".join(str(value) for value in row.values()) for row in rows)
    response = server.http.post(
        f"{server.url}/models/iris/predict", data=text, headers={"content-type": "text/csv"}, timeout=30
    )
    assert response.json()["predictions"] == server.predict("iris", {"instances": rows}).json()["predictions"]


def test_the_catalogue_lists_every_model_ready(server: Server) -> None:
    models = server.models()
    assert {*EXAMPLES, "echo", "slow"} <= models.keys()
    assert {models[name]["state"] for name in EXAMPLES} == {"READY"}
    assert server.get("/live").status_code == 200
    assert server.get("/ready").json() == {"ready": True, "waiting_for": []}
    assert server.get("/models/iris/ready").json() == {"ready": True}


def test_an_unknown_model_is_404_with_the_nearest_name(server: Server) -> None:
    response = server.predict("irsi", {"instances": [[1]]})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "did you mean 'iris'?" in response.json()["detail"]


def test_an_unknown_version_is_404_with_the_served_versions(server: Server) -> None:
    response = server.http.post(f"{server.url}/models/iris/versions/7/predict", json={}, timeout=30)
    assert response.status_code == 404
    assert "served: 1" in response.json()["detail"]


def test_every_bad_value_is_listed_with_its_pointer(server: Server) -> None:
    response = server.predict("echo", {"instances": [1.5, "two", None, {}, True]})
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["/instances/1", "/instances/3"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"instances": [1', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"instances": [NaN]}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"<x/>", "application/xml", 415),
        (b"", "application/json", 400),
    ],
)
def test_an_invalid_body_is_rejected_and_the_next_request_succeeds(
    server: Server, body: bytes, content_type: str, status: int
) -> None:
    response = server.http.post(
        f"{server.url}/models/echo/predict", data=body, headers={"content-type": content_type}, timeout=30
    )
    assert response.status_code == status
    assert response.json()["status"] == status
    assert server.predict("echo", {"instances": [21]}).json()["predictions"] == [42.0]


def test_a_wrong_method_is_405_with_the_allowed_one(server: Server) -> None:
    response = server.get("/models/iris/predict")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_a_body_over_the_edges_limit_is_413(server: Server) -> None:
    response = server.http.post(
        f"{server.url}/models/echo/predict", data=b" " * (64 * 2**20 + 1), headers={"connection": "close"}, timeout=60
    )
    assert response.status_code == 413


def test_a_valid_request_id_is_returned_and_an_invalid_one_is_replaced(server: Server) -> None:
    kept = server.predict("echo", {"instances": [1]}, headers={"x-request-id": "order-66"})
    assert kept.headers["x-request-id"] == "order-66"
    made = server.predict("echo", {"instances": [1]}, headers={"x-request-id": 'a"b<c'})
    assert made.headers["x-request-id"] != 'a"b<c'
    assert "compute;dur=" in made.headers["server-timing"]


def test_a_client_cannot_set_ray_serves_own_timeout(server: Server) -> None:
    # On the slow path, where Serve would respond to the header with 408.
    response = server.http.post(
        f"{server.url}/models/slow/predict?probabilities=false",
        json={"instances": [0.3]},
        headers={"x-request-timeout-seconds": "0.05"},
        timeout=30,
    )
    assert response.status_code == 200


def test_a_request_past_its_deadline_is_504_and_the_model_continues_to_serve(server: Server) -> None:
    assert server.predict("slow", {"instances": [3.5]}).status_code == 504
    server.wait_for(lambda: server.responds("slow", {"instances": [0.001]}), 30, "the slow model to be free")


def test_a_full_queue_is_429_with_retry_after_and_no_accepted_request_is_lost(server: Server) -> None:
    with ThreadPoolExecutor(40) as clients:
        responses = list(clients.map(lambda _: server.predict("slow", {"instances": [0.1]}), range(40)))
    refused = [response for response in responses if response.status_code == 429]
    assert {response.status_code for response in responses} <= {200, 429}
    assert refused
    assert all(int(response.headers["retry-after"]) >= 1 for response in refused)
