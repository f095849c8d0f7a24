"""The Open Inference Protocol's paths that come to the gateway: the whole server's, and those of models without a replica."""

from typing import Any

import pytest

from modelyard.gateway.catalogue import Entry
from tests.unit.gateway.gate import MODELS, Answer, ask, entry

SERVED = Entry("two", "/models/two", True, "READY", "", {"versions": [{"version": "3"}, {"version": "1"}]})


def refused(answer: Answer, status: int, message: str) -> None:
    assert answer.status == status
    assert answer.headers[b"content-type"] == b"application/json"
    assert answer.json.keys() == {"error"}
    assert message in answer.json["error"]


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_tells_its_name_version_and_extensions(path: str) -> None:
    told = ask(path).json
    assert told["name"] == "modelyard"
    assert told["version"]
    assert told["extensions"] == [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "model_repository",
        "statistics",
    ]


def test_the_server_is_live_whatever_its_models_do() -> None:
    assert ask("/v2/health/live").json == {"live": True}


@pytest.mark.parametrize(("entries", "status"), [([entry("iris")], 200), (MODELS, 503), ([], 200)])
def test_the_server_is_ready_when_every_required_model_is(entries: list[Entry], status: int) -> None:
    answer = ask("/v2/health/ready", entries=entries)
    assert (answer.status, answer.json) == (status, {"ready": status == 200})


def test_the_models_are_listed_by_name() -> None:
    assert ask("/v2/models").json == {"models": ["iris", "churn", "fraud", "leavers"]}


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"ready": false}'])
def test_the_index_has_every_version_and_every_state(body: bytes) -> None:
    index = ask("/v2/repository/index", "POST", body, [*MODELS, SERVED]).json
    assert index == [
        {"name": "iris", "state": "READY", "reason": ""},
        {"name": "churn", "state": "LOADING", "reason": ""},
        {"name": "fraud", "state": "UNAVAILABLE", "reason": "there is no folder fraud"},
        {"name": "leavers", "state": "READY", "reason": ""},
        {"name": "two", "version": "3", "state": "READY", "reason": ""},
        {"name": "two", "version": "1", "state": "READY", "reason": ""},
    ]


def test_the_index_of_what_is_ready_has_nothing_else() -> None:
    index = ask("/v2/repository/index", "POST", b'{"ready": true}').json
    assert [model["name"] for model in index] == ["iris", "leavers"]


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"[", "not valid JSON"), (b"[]", "expected an object"), (b'{"ready": 1}', "expected true or false")],
)
def test_an_index_request_that_cannot_be_read_is_refused(body: bytes, message: str) -> None:
    refused(ask("/v2/repository/index", "POST", body), 400, message)


def test_statistics_are_asked_of_the_models_that_are_ready() -> None:
    told = ask("/v2/models/stats").json["model_stats"]
    assert [(each["name"], each["version"]) for each in told] == [("iris", "1"), ("leavers", "1")]


@pytest.mark.parametrize(
    "path", ["/v2/models/iris/stats", "/v2/models/iris/stats/", "/v2/models/iris/versions/1/stats"]
)
def test_the_statistics_of_a_model_are_told_by_itself(path: str) -> None:
    [told] = ask(path).json["model_stats"]
    assert (told["name"], told["version"], told["inference_count"]) == ("iris", "1", 0)


@pytest.mark.parametrize(
    ("path", "method", "status", "message"),
    [
        ("irsi/stats", "GET", 404, "did you mean 'iris'?"),
        ("iris/versions/7/stats", "GET", 404, "no version '7' here; served: 1"),
        ("churn/stats", "GET", 503, "model 'churn' is LOADING"),
        ("iris/stats", "POST", 405, "not POST"),
    ],
)
def test_statistics_of_what_is_not_there_are_refused(path: str, method: str, status: int, message: str) -> None:
    refused(ask(f"/v2/models/{path}", method), status, message)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"parameters": {}}'])
def test_loading_what_is_loaded_is_done_already(body: bytes) -> None:
    answer = ask("/v2/repository/models/iris/load", "POST", body)
    assert (answer.status, answer.json) == (200, {})


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("churn/load", b"", 503, "model 'churn' is LOADING"),
        ("fraud/load", b"", 503, "model 'fraud' is UNAVAILABLE: there is no folder fraud"),
        ("irsi/load", b"", 404, "failed to load 'irsi': Request for unknown model: 'irsi' is not found; did you mean"),
        ("iris/load", b'{"parameters": {"config": "{}"}}', 501, "failed to load 'iris': a model is not configured by"),
        ("iris/load", b"[", 400, "not valid JSON"),
        (
            "iris/unload",
            b'{"parameters": {"unload_dependents": false}}',
            501,
            "remove iris.yaml from serve_config/models",
        ),
        ("irsi/unload", b"", 404, "did you mean 'iris'?"),
    ],
)
def test_what_the_yaml_does_not_say_is_not_done(path: str, body: bytes, status: int, message: str) -> None:
    refused(ask(f"/v2/repository/models/{path}", "POST", body), status, message)


@pytest.mark.parametrize("kind", ["system", "cuda"])
def test_shared_memory_is_empty_and_takes_nothing(kind: str) -> None:
    assert ask(f"/v2/{kind}sharedmemory/status").json == []
    refused(ask(f"/v2/{kind}sharedmemory/region/r/status"), 404, "no shared memory region")
    refused(ask(f"/v2/{kind}sharedmemory/region/r/register", "POST", b"{}"), 501, "does not support shared memory")
    refused(ask(f"/v2/{kind}sharedmemory/unregister", "POST", b"{}"), 501, "does not support shared memory")


@pytest.mark.parametrize("path", ["/v2/logging", "/v2/trace/setting"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_logging_and_tracing_are_told_not_to_be_there(path: str, method: str) -> None:
    refused(ask(path, method), 501, "the server does not")


@pytest.mark.parametrize(
    ("path", "message", "retry_after"),
    [
        ("/v2/models/churn", "model 'churn' is LOADING", b"1"),
        ("/v2/models/churn/infer", "model 'churn' is LOADING", b"1"),
        ("/v2/models/churn/ready", "model 'churn' is LOADING", b"1"),
        ("/v2/models/fraud/versions/1/infer", "model 'fraud' is UNAVAILABLE: there is no folder fraud", b"30"),
        ("/v2/models/leavers/infer", "model 'leavers' has no replica at hand", b"1"),
        ("/v1/models/churn:predict", "model 'churn' is LOADING", b"1"),
        ("/v1/models/churn/versions/1:predict", "model 'churn' is LOADING", b"1"),
        ("/v1/models/churn", "model 'churn' is LOADING", b"1"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_to_a_model_without_a_replica_may_come_back(
    path: str, message: str, retry_after: bytes, method: str
) -> None:
    answer = ask(path, method)
    refused(answer, 503, message)
    assert answer.headers[b"retry-after"] == retry_after


@pytest.mark.parametrize("path", ["/v2/models/iris/ready", "/v2/models/iris/versions/1/ready"])
def test_a_model_that_is_scaled_to_zero_is_ready(path: str) -> None:
    assert ask(path).json == {"name": "iris", "ready": True}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/irsi", "Request for unknown model: 'irsi' is not found; did you mean 'iris'?"),
        ("/v2/models/irsi/infer", "Request for unknown model: 'irsi' is not found; did you mean 'iris'?"),
        ("/v2/models/zzz/versions/1/ready", "Request for unknown model: 'zzz' is not found; GET /models lists them"),
        ("/v1/models/irsi:predict", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/v1/models/irsi/metadata", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/v2/nothing", "nothing answers '/v2/nothing'"),
        ("/v1/nothing", "nothing answers '/v1/nothing'"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_name_is_not_found_and_the_nearest_is_told(path: str, message: str, method: str) -> None:
    refused(ask(path, method), 404, message)


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/v2", "POST", b"GET, HEAD"),
        ("/v2/health/live", "POST", b"GET, HEAD"),
        ("/v2/health/ready", "POST", b"GET, HEAD"),
        ("/v2/models", "DELETE", b"GET, HEAD"),
        ("/v2/repository/index", "GET", b"POST"),
        ("/v2/repository/models/iris/load", "GET", b"POST"),
        ("/v2/systemsharedmemory/status", "POST", b"GET, HEAD"),
        ("/v2/systemsharedmemory/unregister", "GET", b"POST"),
        ("/v2/logging", "PUT", b"GET, POST, HEAD"),
        ("/v2/models/iris/ready", "POST", b"GET, HEAD"),
    ],
)
def test_another_method_is_refused_and_the_right_ones_named(path: str, method: str, allow: Any) -> None:
    answer = ask(path, method)
    refused(answer, 405, f"not {method}")
    assert answer.headers[b"allow"] == allow
