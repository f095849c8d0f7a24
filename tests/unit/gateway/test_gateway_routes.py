"""The gateway's HTTP paths, over ASGI, with a catalogue from the test."""

from importlib.metadata import version

import pytest

from tests.unit.gateway.gateway_client import LIMIT, MODELS, entry, get_response


def test_the_catalogue_lists_every_model_with_its_state():
    models = get_response("/models").json["models"]
    assert [(model["name"], model["state"]) for model in models] == [
        ("iris", "READY"),
        ("churn", "LOADING"),
        ("fraud", "UNAVAILABLE"),
        ("leavers", "READY"),
    ]
    assert models[2]["reason"] == "there is no folder fraud"
    assert models[3]["url"] == "/who/leaves"


def test_a_server_without_models_lists_none():
    assert get_response("/models/", entries=[]).json == {"models": []}


@pytest.mark.parametrize("entries", [MODELS, []])
def test_the_server_is_live_whatever_the_state_of_the_models(entries):
    response = get_response("/live", entries=entries)
    assert (response.status, response.json) == (200, {"live": True})


@pytest.mark.parametrize(
    ("entries", "status", "document"),
    [
        ([], 200, {"ready": True, "waiting_for": []}),
        ([entry("iris")], 200, {"ready": True, "waiting_for": []}),
        (MODELS, 503, {"ready": False, "waiting_for": ["churn", "fraud"]}),
        ([entry("iris"), entry("fraud", "UNAVAILABLE", required=False)], 200, {"ready": True, "waiting_for": []}),
    ],
)
def test_the_server_is_ready_when_every_required_model_is(entries, status, document):
    response = get_response("/ready", entries=entries)
    assert (response.status, response.json) == (status, document)


def test_mlflows_paths_have_the_readiness_and_the_version():
    assert (get_response("/health").status, get_response("/health", entries=[entry("iris")]).status) == (503, 200)
    response = get_response("/version")
    assert (response.status, response.body.decode()) == (200, version("modelyard"))
    assert response.headers[b"content-type"].startswith(b"text/plain")


def test_kserves_paths_of_v1_have_the_liveness_and_the_models():
    assert get_response("/").json["status"] == "alive"
    assert get_response("/v1/models").json == {"models": ["iris", "churn", "fraud", "leavers"]}


def test_a_model_that_is_scaled_to_zero_is_ready_in_v1():
    scaled_to_zero = entry("iris", scaled_to_zero=True, versions=[2])
    document = get_response("/v1/models/iris", entries=[scaled_to_zero]).json
    assert (document["name"], document["ready"], document["model_version_status"][0]["version"]) == ("iris", True, "2")
    assert get_response("/v1/models/iris/metadata", entries=[scaled_to_zero]).status == 503
    assert (get_response("/v1/models/churn").status, get_response("/v1/models/nobody").status) == (503, 404)


@pytest.mark.parametrize(
    ("path", "name"), [("/models/churn", "churn"), ("/models/fraud/", "fraud"), ("/who/leaves", "leavers")]
)
def test_a_model_without_a_replica_has_its_known_metadata(path, name):
    response = get_response(path)
    assert response.status == 200
    assert (response.json["name"], response.json["description"]) == (name, f"about {name}")


@pytest.mark.parametrize(
    ("path", "detail", "retry_after"),
    [
        ("/models/churn/predict", "model 'churn' is LOADING", b"1"),
        ("/models/churn/ready", "model 'churn' is LOADING", b"1"),
        ("/models/fraud/predict", "model 'fraud' is UNAVAILABLE: there is no folder fraud", b"30"),
        ("/models/fraud/versions/1/predict", "model 'fraud' is UNAVAILABLE: there is no folder fraud", b"30"),
        ("/models/iris/predict", "no replica of model 'iris' is available", b"1"),
        ("/who/leaves/predict", "no replica of model 'leavers' is available", b"1"),
    ],
)
def test_the_response_for_a_model_without_a_replica_has_retry_after(path, detail, retry_after):
    response = get_response(path, "POST", b"{}")
    assert (response.status, response.headers[b"retry-after"]) == (503, retry_after)
    assert response.headers[b"content-type"] == b"application/problem+json"
    assert response.json["detail"] == detail
    assert response.json["request_id"] == "mine"


def test_a_model_that_is_scaled_to_zero_is_ready():
    assert get_response("/models/iris/ready").json == {"ready": True}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/models/irsi/predict", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/models/irsi", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/models/zzz/predict", "there is no model 'zzz'; GET /models lists them"),
        ("/models/leavers/predict", "model 'leavers' is served at /who/leaves"),
        ("/predict", "there is no path '/predict'; GET /models lists the models"),
        ("/models//predict", "there is no path '/models//predict'; GET /models lists the models"),
        ("/models/" + "x" * 5000, f"there is no model '{'x' * 5000}'; GET /models lists them"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_not_found_and_the_nearest_name_is_suggested(path, detail, method):
    response = get_response(path, method)
    assert response.status == 404
    assert response.json["detail"] == detail


@pytest.mark.parametrize("path", ["/", "/live", "/ready", "/models", "/models/churn", "/version"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_path_to_read_supports_no_other_method(path, method):
    response = get_response(path, method, b"{}")
    assert (response.status, response.headers[b"allow"]) == (405, b"GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/live", "/ready", "/models", "/models/churn"])
def test_head_responds_like_get_without_the_body(path):
    got, head = get_response(path), get_response(path, "HEAD")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
    assert int(head.headers[b"content-length"]) == len(got.body) > 0


def test_the_root_links_to_the_models():
    assert get_response("/").json["models"] == "/models"


def test_a_body_that_is_too_large_is_rejected():
    assert get_response("/models/churn/predict", "POST", b"x" * (LIMIT + 1)).status == 413
