"""The operations of the OpenAPI document: their statuses, parameters and media types."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from modelyard.gateway.openapi.document import component_prefixes, openapi
from tests.unit.gateway.gateway_client import entry
from tests.unit.gateway.test_openapi_schemas import IRIS

JSON, PROBLEM, EVENTS = "application/json", "application/problem+json", "text/event-stream"
ROWS = [JSON, "text/csv", "application/x-npy", "application/vnd.apache.arrow.stream"]
TENSORS = [JSON, "application/octet-stream"]
READ = {200, 404, 405, 413, 500, 503}
PREDICT = READ | {400, 408, 429, 504}
UNSUPPORTED = {400, 404, 405, 413, 500, 501, 503}


def document() -> dict[str, Any]:
    """The document of a model whose schemas are known, and of one that is scaled to zero."""
    iris, idle = entry("iris", versions=[2, 1], version_labels={"stable": 1}), entry("x-9")
    idle = replace(idle, configured=idle.configured.model_copy(update={"description": ""}))
    return openapi({"iris": iris, "x-9": idle}, {"iris": IRIS})


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def operation(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][path][method]
    return found


def statuses(found: dict[str, Any]) -> set[int]:
    return {int(status) for status in found["responses"]}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("get", "/", READ),
        ("get", "/models", READ | {400}),
        ("get", "/models/iris", READ),
        ("get", "/models/iris/versions/{version}/ready", READ),
        ("post", "/models/iris/predict", PREDICT | {406, 415}),
        ("post", "/models/iris/invocations", PREDICT | {415}),
        ("post", "/models/iris/stream", PREDICT | {415}),
        ("get", "/v2", READ),
        ("get", "/v2/models/{name}/config", READ),
        ("post", "/v2/models/{name}/infer", PREDICT | {415}),
        ("post", "/v2/models/{name}/versions/{version}/generate_stream", PREDICT | {415}),
        ("post", "/v2/repository/index", PREDICT),
        ("post", "/v2/repository/models/{name}/load", UNSUPPORTED | {200}),
        ("post", "/v2/repository/models/{name}/unload", UNSUPPORTED | {200}),
        ("get", "/v2/systemsharedmemory/status", READ),
        ("post", "/v2/cudasharedmemory/region/{region}/register", UNSUPPORTED),
        ("get", "/v2/logging", UNSUPPORTED),
        ("post", "/v2/models/{name}/trace/setting", UNSUPPORTED),
        ("get", "/v1/models/{name}/labels/{label}/metadata", READ),
        ("post", "/v1/models/{name}:classify", PREDICT),
    ],
)
def test_an_operation_has_the_statuses_that_its_clients_can_get(method: str, path: str, expected: set[int]) -> None:
    assert statuses(operation(method, path)) == expected


def test_a_body_is_required_by_all_operations_that_predict() -> None:
    required = {(path, found["requestBody"]["required"]) for path, _, found in operations() if found.get("requestBody")}
    assert {path for path, is_required in required if not is_required} == {
        "/v2/repository/index",
        "/v2/repository/models/{name}/load",
        "/v2/repository/models/{name}/unload",
    }
    assert ("/models/iris/predict", True) in required
    assert ("/v1/models/{name}:predict", True) in required


@pytest.mark.parametrize(
    ("path", "request_types", "response_types"),
    [
        ("/models/iris/predict", ROWS, ROWS),
        ("/models/iris/versions/{version}/predict", ROWS, ROWS),
        ("/models/iris/invocations", ROWS, [JSON]),
        ("/models/iris/stream", ROWS, [EVENTS]),
        ("/v2/models/{name}/infer", TENSORS, TENSORS),
        ("/v2/models/{name}/infer_stream", TENSORS, [EVENTS]),
        ("/v2/models/{name}/generate", [JSON], [JSON]),
        ("/v2/models/{name}/generate_stream", [JSON], [EVENTS]),
        ("/v1/models/{name}:predict", [JSON], [JSON]),
    ],
)
def test_bodies_have_their_media_types(path: str, request_types: list[str], response_types: list[str]) -> None:
    found = operation("post", path)
    assert list(found["requestBody"]["content"]) == request_types
    assert list(found["responses"]["200"]["content"]) == response_types


def names(found: dict[str, Any]) -> list[str]:
    """The names of the operation's parameters, or of the components that describe them."""
    return [each.get("name") or each["$ref"].split("/")[-1] for each in found.get("parameters", ())]


def test_every_part_of_a_path_that_varies_is_a_parameter() -> None:
    components = document()["components"]["parameters"]
    for path, _, found in operations():
        parameters = [
            components[each["$ref"].split("/")[-1]] if "$ref" in each else each for each in found.get("parameters", ())
        ]
        in_path = [each for each in parameters if each["in"] == "path"]
        assert [each["name"] for each in in_path] == [part.strip("{}") for part in _varying(path)], path
        assert all(each["required"] is True for each in in_path)


def _varying(path: str) -> list[str]:
    return [f"{{{part.split('}')[0]}}}" for part in path.split("{")[1:]]


def test_options_are_parameters_of_the_operations_that_have_them() -> None:
    having = {
        option: {path for path, _, found in operations() if option in names(found)}
        for option in ("Probabilities", "JsonLength")
    }
    iris = {
        f"/models/iris{version}/{verb}" for version in ("", "/versions/{version}") for verb in ("predict", "stream")
    }
    assert {path for path in having["Probabilities"] if path.startswith("/models/iris/")} == iris
    assert having["JsonLength"] == {
        f"/v2/models/{{name}}{version}/{verb}"
        for version in ("", "/versions/{version}")
        for verb in ("infer", "infer_stream")
    }
    parameters = document()["components"]["parameters"]
    assert (parameters["Probabilities"]["in"], parameters["JsonLength"]["in"]) == ("query", "header")
    assert parameters["JsonLength"]["schema"] == {"type": "integer", "minimum": 0}
    assert parameters["ModelName"]["schema"] == {"type": "string", "enum": ["iris", "x-9"]}


def test_a_path_of_a_version_lists_the_versions_and_labels_of_its_model() -> None:
    [version] = operation("get", "/models/iris/versions/{version}")["parameters"]
    assert version["schema"] == {"type": "string", "enum": ["2", "1", "stable"]}
    assert names(operation("get", "/models/x-9/versions/{version}")) == ["Version"], "its versions are unknown"


def test_errors_are_problems_on_the_servers_own_paths_and_error_objects_on_those_of_other_protocols() -> None:
    for path, _, found in operations():
        own = not path.startswith(("/v1", "/v2"))
        for status, response in found["responses"].items():
            if status != "200" and "$ref" in response:
                expected = f"{'problem' if own else 'error'}{status}"
                assert response["$ref"] == f"#/components/responses/{expected}", path


def test_only_responses_that_may_be_tried_again_have_a_retry_time() -> None:
    components = document()["components"]
    having = {name for name, response in components["responses"].items() if "headers" in response}
    assert having == {"problem429", "problem503", "error429", "error503"}
    assert components["responses"]["error503"]["headers"] == {
        "retry-after": {"$ref": "#/components/headers/RetryAfter"}
    }
    assert list(components["responses"]["problem404"]["content"]) == [PROBLEM]
    assert list(components["responses"]["error404"]["content"]) == [JSON, PROBLEM]


@pytest.mark.parametrize("path", ["/ready", "/health", "/v2/health/ready"])
def test_a_server_that_is_not_ready_has_the_body_of_one_that_is(path: str) -> None:
    responses = operation("get", path)["responses"]
    assert responses["503"]["content"] == responses["200"]["content"]
    assert responses["503"]["description"] == "Not ready"


def test_every_operation_has_its_own_id_and_the_tag_of_its_model() -> None:
    ids = [found["operationId"] for _, _, found in operations()]
    assert len(ids) == len(set(ids))
    for path, operation_id in (
        ("/models/iris/predict", "predict_iris"),
        ("/models/iris/versions/{version}/predict", "predict_iris_version"),
        ("/models/x-9/predict", "predict_x_9"),
    ):
        assert operation("post", path)["operationId"] == operation_id
    assert operation("post", "/models/iris/predict")["tags"] == ["iris"]
    assert document()["tags"] == [{"name": "iris", "description": "about iris"}]


def test_the_region_of_shared_memory_and_a_name_without_models_have_patterns() -> None:
    assert document()["components"]["parameters"]["Region"]["schema"]["pattern"] == "^[A-Za-z0-9_]+$"
    parameters = openapi({}, {})["components"]["parameters"]
    assert parameters["ModelName"]["schema"] == {"type": "string", "minLength": 1}
    assert parameters["Version"]["description"]
    status = operation("get", "/v2/cudasharedmemory/status")["responses"]["200"]["content"][JSON]["schema"]
    assert status["maxItems"] == 0


def test_a_class_name_starts_with_a_letter() -> None:
    assert component_prefixes(["a1", "1a", "-"]) == {"a1": "A1", "1a": "Model1a", "-": "Model"}
