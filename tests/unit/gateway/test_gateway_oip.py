"""The gateway's paths of the Open Inference Protocol: the server's, and those of models without a replica."""

from typing import Any

import pytest

from modelyard.errors import ModelNotReady
from modelyard.gateway.catalogue import ModelEntry
from modelyard.ray_serve.pool_report import Residency
from tests.unit.gateway.gateway_client import MODELS, Response, entry, get_response, pooled_entry

SERVED = entry("two", versions=(3, 1))


def assert_error(response: Response, status: int, message: str) -> None:
    assert response.status == status
    assert response.headers[b"content-type"] == b"application/json"
    assert response.json.keys() == {"error"}
    assert message in response.json["error"]


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_metadata_has_name_version_and_extensions(path: str) -> None:
    document = get_response(path).json
    assert document["name"] == "modelyard"
    assert document["version"]
    assert document["extensions"] == [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "model_repository",
        "statistics",
    ]


def test_the_server_is_live_whatever_the_state_of_its_models() -> None:
    assert get_response("/v2/health/live").json == {"live": True}


@pytest.mark.parametrize(("entries", "status"), [([entry("iris")], 200), (MODELS, 503), ([], 200)])
def test_the_server_is_ready_when_every_required_model_is(entries: list[ModelEntry], status: int) -> None:
    response = get_response("/v2/health/ready", entries=entries)
    assert (response.status, response.json) == (status, {"ready": status == 200})


def test_the_models_are_listed_by_name() -> None:
    assert get_response("/v2/models").json == {"models": ["iris", "churn", "fraud", "leavers"]}


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"ready": false}'])
def test_the_index_has_every_version_and_every_state(body: bytes) -> None:
    index = get_response("/v2/repository/index", "POST", body, [*MODELS, SERVED]).json
    assert index == [
        {"name": "iris", "state": "READY", "reason": ""},
        {"name": "churn", "state": "LOADING", "reason": ""},
        {"name": "fraud", "state": "UNAVAILABLE", "reason": "there is no folder fraud"},
        {"name": "leavers", "state": "READY", "reason": ""},
        {"name": "two", "version": "3", "state": "READY", "reason": ""},
        {"name": "two", "version": "1", "state": "READY", "reason": ""},
    ]


def test_the_index_of_ready_models_has_only_those() -> None:
    index = get_response("/v2/repository/index", "POST", b'{"ready": true}').json
    assert [model["name"] for model in index] == ["iris", "leavers"]


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"[", "not valid JSON"), (b"[]", "expected an object"), (b'{"ready": 1}', "expected true or false")],
)
def test_an_invalid_index_request_is_rejected(body: bytes, message: str) -> None:
    assert_error(get_response("/v2/repository/index", "POST", body), 400, message)


def test_the_statistics_of_all_models_have_those_that_are_ready() -> None:
    document = get_response("/v2/models/stats").json["model_stats"]
    assert [(each["name"], each["version"]) for each in document] == [("iris", "1"), ("leavers", "1")]


@pytest.mark.parametrize(
    "path", ["/v2/models/iris/stats", "/v2/models/iris/stats/", "/v2/models/iris/versions/1/stats"]
)
def test_the_statistics_of_one_model_have_only_that_model(path: str) -> None:
    [document] = get_response(path).json["model_stats"]
    assert (document["name"], document["version"], document["inference_count"]) == ("iris", "1", 0)


@pytest.mark.parametrize(
    ("path", "method", "status", "message"),
    [
        ("irsi/stats", "GET", 404, "did you mean 'iris'?"),
        ("iris/versions/7/stats", "GET", 404, "no version '7' here; served: 1"),
        ("churn/stats", "GET", 503, "model 'churn' is LOADING"),
        ("iris/stats", "POST", 405, "not POST"),
    ],
)
def test_statistics_of_an_unknown_model_or_version_are_rejected(
    path: str, method: str, status: int, message: str
) -> None:
    assert_error(get_response(f"/v2/models/{path}", method), status, message)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"parameters": {}}'])
def test_loading_a_model_that_is_ready_succeeds(body: bytes) -> None:
    response = get_response("/v2/repository/models/iris/load", "POST", body)
    assert (response.status, response.json) == (200, {})


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("churn/load", b"", 503, "model 'churn' is LOADING"),
        ("fraud/load", b"", 503, "model 'fraud' is UNAVAILABLE: there is no folder fraud"),
        ("irsi/load", b"", 404, "failed to load 'irsi': Request for unknown model: 'irsi' is not found; did you mean"),
        (
            "iris/load",
            b'{"parameters": {"config": "{}"}}',
            501,
            "failed to load 'iris': a model cannot be configured by",
        ),
        ("iris/load", b"[", 400, "not valid JSON"),
        (
            "iris/unload",
            b'{"parameters": {"unload_dependents": false}}',
            501,
            "remove iris.yaml from serve_config/models",
        ),
        ("irsi/unload", b"", 404, "did you mean 'iris'?"),
        ("iris/load", b"true", 400, "expected an object, got true"),
        ("iris/unload", b"true", 400, "expected an object, got true"),
    ],
)
def test_other_requests_to_load_or_unload_are_rejected(path: str, body: bytes, status: int, message: str) -> None:
    assert_error(get_response(f"/v2/repository/models/{path}", "POST", body), status, message)


@pytest.mark.parametrize("residency", ["COLD", "RESIDENT", "FAILED"])
@pytest.mark.parametrize(("action", "change"), [("load", "load"), ("unload", "evict")])
def test_a_model_of_a_pool_is_loaded_and_evicted(residency: Residency, action: str, change: str) -> None:
    changes: list[tuple[str, str, str]] = []

    async def change_residency(application: str, model: str, change: str) -> None:
        changes.append((application, model, change))

    response = get_response(
        f"/v2/repository/models/a/{action}", "POST", b"{}", [pooled_entry("a", residency)], {}, b"", change_residency
    )
    assert (response.status, response.json) == (200, {})
    assert changes == [("_pool.small", "a", change)]


def test_a_pool_that_cannot_load_a_model_has_the_reason() -> None:
    async def change_residency(application: str, model: str, change: str) -> None:
        raise ModelNotReady("model 'a' is UNAVAILABLE: no such file")

    path = "/v2/repository/models/a/load"
    response = get_response(path, "POST", b"", [pooled_entry("a", "FAILED")], change_residency=change_residency)
    assert_error(response, 503, "failed to load 'a': model 'a' is UNAVAILABLE: no such file")


def test_a_model_of_a_pool_cannot_be_configured_by_requests() -> None:
    body = b'{"parameters": {"config": "{}"}}'
    response = get_response("/v2/repository/models/a/load", "POST", body, [pooled_entry("a")])
    assert_error(response, 501, "change a.yaml in serve_config/models")


@pytest.mark.parametrize("kind", ["system", "cuda"])
def test_shared_memory_has_no_regions_and_rejects_new_ones(kind: str) -> None:
    assert get_response(f"/v2/{kind}sharedmemory/status").json == []
    assert_error(get_response(f"/v2/{kind}sharedmemory/region/r/status"), 404, "no shared memory region")
    assert_error(
        get_response(f"/v2/{kind}sharedmemory/region/r/register", "POST", b"{}"), 501, "does not support shared memory"
    )
    assert_error(
        get_response(f"/v2/{kind}sharedmemory/unregister", "POST", b"{}"), 501, "does not support shared memory"
    )


@pytest.mark.parametrize("path", ["/v2/logging", "/v2/trace/setting"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_log_settings_and_tracing_are_not_supported(path: str, method: str) -> None:
    assert_error(get_response(path, method), 501, "the server does not")


@pytest.mark.parametrize(
    ("path", "message", "retry_after"),
    [
        ("/v2/models/churn", "model 'churn' is LOADING", b"1"),
        ("/v2/models/churn/infer", "model 'churn' is LOADING", b"1"),
        ("/v2/models/churn/ready", "model 'churn' is LOADING", b"1"),
        ("/v2/models/fraud/versions/1/infer", "model 'fraud' is UNAVAILABLE: there is no folder fraud", b"30"),
        ("/v2/models/leavers/infer", "no replica of model 'leavers' is available", b"1"),
        ("/v1/models/churn:predict", "model 'churn' is LOADING", b"1"),
        ("/v1/models/churn/versions/1:predict", "model 'churn' is LOADING", b"1"),
        ("/v1/models/churn", "model 'churn' is LOADING", b"1"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_to_a_model_without_a_replica_has_a_retry_after(
    path: str, message: str, retry_after: bytes, method: str
) -> None:
    response = get_response(path, method)
    assert_error(response, 503, message)
    assert response.headers[b"retry-after"] == retry_after


@pytest.mark.parametrize("path", ["/v2/models/iris/ready", "/v2/models/iris/versions/1/ready"])
def test_a_model_that_is_scaled_to_zero_is_ready(path: str) -> None:
    assert get_response(path).json == {"name": "iris", "ready": True}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/irsi", "Request for unknown model: 'irsi' is not found; did you mean 'iris'?"),
        ("/v2/models/irsi/infer", "Request for unknown model: 'irsi' is not found; did you mean 'iris'?"),
        ("/v2/models/zzz/versions/1/ready", "Request for unknown model: 'zzz' is not found; GET /models lists them"),
        ("/v1/models/irsi:predict", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/v1/models/irsi/metadata", "there is no model 'irsi'; did you mean 'iris'?"),
        ("/v2/nothing", "there is no path '/v2/nothing'"),
        ("/v1/nothing", "there is no path '/v1/nothing'"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_name_is_not_found_and_the_nearest_is_suggested(path: str, message: str, method: str) -> None:
    assert_error(get_response(path, method), 404, message)


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
def test_another_method_is_rejected_with_the_allowed_ones(path: str, method: str, allow: Any) -> None:
    response = get_response(path, method)
    assert_error(response, 405, f"not {method}")
    assert response.headers[b"allow"] == allow
