"""Clients of TensorFlow Serving, MLflow and SageMaker against the real server."""

from typing import Any

import pytest

from tests.serve.conftest import example_body
from tests.serve.project import Server


def post(server: Server, path: str, body: Any) -> Any:
    return server.http.post(server.url + path, json=body, timeout=30)


@pytest.mark.parametrize("path", ["/v1/models/echo:predict", "/v1/models/echo/versions/1:predict"])
def test_tensorflow_servings_rows_and_columns_are_answered(server: Server, path: str) -> None:
    assert post(server, path, {"instances": [1.5, 2]}).json() == {"predictions": [3.0, 4.0]}
    assert post(server, f"{path}?x=1", {"inputs": {"x": [1.5]}}).json() == {"outputs": [3.0]}


def test_tensorflow_servings_classifier_tells_every_class(server: Server) -> None:
    rows = example_body("iris")["instances"]  # type: ignore[index]
    [first, *_] = post(server, "/v1/models/iris:classify", {"examples": rows}).json()["result"]
    assert [label for label, _ in first] == ["setosa", "versicolor", "virginica"]
    assert sum(score for _, score in first) == pytest.approx(1)


def test_tensorflow_servings_status_and_metadata_are_told(server: Server) -> None:
    assert server.get("/v1/models/iris").json()["model_version_status"][0]["state"] == "AVAILABLE"
    assert server.get("/v1/models/iris/metadata").json()["model_spec"]["name"] == "iris"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/irsi:predict", 404, "did you mean 'iris'?"),
        ("/v1/models/echo/versions/9:predict", 404, "served: 1"),
        ("/v1/models/echo:predict", 400, "expected exactly one of"),
        ("/v1/models/echo:explain", 404, "has no path"),
    ],
)
def test_what_is_wrong_is_told_in_tensorflow_servings_form(
    server: Server, path: str, status: int, message: str
) -> None:
    answer = post(server, path, {})
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    assert message in answer.json()["error"]


def test_mlflows_requests_are_answered_with_predictions_alone(server: Server) -> None:
    rows = example_body("iris")["instances"]  # type: ignore[index]
    expected = {"predictions": server.predict("iris", {"instances": rows}).json()["predictions"]}
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    for body in ({"dataframe_records": rows}, {"dataframe_split": split, "params": {}}):
        assert post(server, "/models/iris/invocations", body).json() == expected


def test_sagemakers_paths_are_the_default_models(server: Server) -> None:
    assert server.get("/ping").status_code == 200
    assert post(server, "/invocations", {"instances": [21]}).json() == {"predictions": [42.0]}
