"""What the gateway answers, over the plain ASGI path, with a catalogue of the test's own."""

from dataclasses import replace
from importlib.metadata import version

import pytest

from tests.unit.gateway.gate import LIMIT, MODELS, ask, entry


def test_the_catalogue_lists_every_model_with_its_state():
    models = ask("/models").json["models"]
    assert [(model["name"], model["state"]) for model in models] == [
        ("iris", "READY"),
        ("churn", "LOADING"),
        ("fraud", "UNAVAILABLE"),
        ("leavers", "READY"),
    ]
    assert models[2]["reason"] == "there is no folder fraud"
    assert models[3]["url"] == "/who/leaves"


def test_a_server_without_models_lists_none():
    assert ask("/models/", entries=[]).json == {"models": []}


@pytest.mark.parametrize("entries", [MODELS, []])
def test_the_server_is_live_whatever_its_models_do(entries):
    answer = ask("/live", entries=entries)
    assert (answer.status, answer.json) == (200, {"live": True})


@pytest.mark.parametrize(
    ("entries", "status", "told"),
    [
        ([], 200, {"ready": True, "waiting_for": []}),
        ([entry("iris")], 200, {"ready": True, "waiting_for": []}),
        (MODELS, 503, {"ready": False, "waiting_for": ["churn", "fraud"]}),
        ([entry("iris"), entry("fraud", "UNAVAILABLE", required=False)], 200, {"ready": True, "waiting_for": []}),
    ],
)
def test_the_server_is_ready_when_every_required_model_is(entries, status, told):
    answer = ask("/ready", entries=entries)
    assert (answer.status, answer.json) == (status, told)


def test_mlflows_clients_find_out_how_the_server_is_and_which_it_is():
    assert (ask("/health").status, ask("/health", entries=[entry("iris")]).status) == (503, 200)
    answer = ask("/version")
    assert (answer.status, answer.body.decode()) == (200, version("modelyard"))
    assert answer.headers[b"content-type"].startswith(b"text/plain")


def test_kserves_clients_of_v1_find_a_live_server_and_its_models():
    assert ask("/").json["status"] == "alive"
    assert ask("/v1/models").json == {"models": ["iris", "churn", "fraud", "leavers"]}


def test_a_model_that_is_scaled_to_zero_is_ready_for_clients_of_v1():
    asleep = replace(entry("iris", asleep=True), about={"versions": [{"version": "2", "digest": "sha256:0"}]})
    told = ask("/v1/models/iris", entries=[asleep]).json
    assert (told["name"], told["ready"], told["model_version_status"][0]["version"]) == ("iris", True, "2")
    assert ask("/v1/models/iris/metadata", entries=[asleep]).status == 503
    assert (ask("/v1/models/churn").status, ask("/v1/models/nobody").status) == (503, 404)


@pytest.mark.parametrize(
    ("path", "name"), [("/models/churn", "churn"), ("/models/fraud/", "fraud"), ("/who/leaves", "leavers")]
)
def test_a_model_without_a_replica_is_described_as_far_as_it_is_known(path, name):
    answer = ask(path)
    assert answer.status == 200
    assert (answer.json["name"], answer.json["description"]) == (name, f"about {name}")


@pytest.mark.parametrize(
    ("path", "detail", "retry_after"),
    [
        ("/models/churn/predict", "model 'churn' is LOADING", b"1"),
        ("/models/churn/ready", "model 'churn' is LOADING", b"1"),
        ("/models/fraud/predict", "model 'fraud' is UNAVAILABLE: there is no folder fraud", b"30"),
        ("/models/fraud/versions/1/predict", "model 'fraud' is UNAVAILABLE: there is no folder fraud", b"30"),
        ("/models/iris/predict", "model 'iris' has no replica at hand", b"1"),
        ("/who/leaves/predict", "model 'leavers' has no replica at hand", b"1"),
    ],
)
def test_a_request_to_a_model_without_a_replica_may_come_back(path, detail, retry_after):
    answer = ask(path, "POST", b"{}")
    assert (answer.status, answer.headers[b"retry-after"]) == (503, retry_after)
    assert answer.headers[b"content-type"] == b"application/problem+json"
    assert answer.json["detail"] == detail
    assert answer.json["request_id"] == "mine"


def test_a_model_that_is_scaled_to_zero_is_ready():
    assert ask("/models/iris/ready").json == {"ready": True}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/models/irsi/predict", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/models/irsi", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/models/zzz/predict", "there is no model 'zzz'; GET /models lists them"),
        ("/models/leavers/predict", "model 'leavers' has its own route, /who/leaves"),
        ("/predict", "nothing answers '/predict'; GET /models lists what does"),
        ("/models//predict", "nothing answers '/models//predict'; GET /models lists what does"),
        ("/models/" + "x" * 5000, f"there is no model '{'x' * 5000}'; GET /models lists them"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_not_found_and_the_nearest_name_is_told(path, detail, method):
    answer = ask(path, method)
    assert answer.status == 404
    assert answer.json["detail"] == detail


@pytest.mark.parametrize("path", ["/", "/live", "/ready", "/models", "/models/churn"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_is_there_to_be_read_takes_no_other_method(path, method):
    answer = ask(path, method, b"{}")
    assert (answer.status, answer.headers[b"allow"]) == (405, b"GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/live", "/ready", "/models", "/models/churn"])
def test_head_is_as_get_without_the_body(path):
    got, head = ask(path), ask(path, "HEAD")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
    assert int(head.headers[b"content-length"]) == len(got.body) > 0


def test_the_root_tells_where_to_go_on():
    assert ask("/").json["models"] == "/models"


def test_a_body_that_is_too_large_is_refused_before_anything_is_looked_at():
    assert ask("/models/churn/predict", "POST", b"x" * (LIMIT + 1)).status == 413
