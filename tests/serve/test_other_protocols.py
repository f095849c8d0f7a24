"""Clients of TensorFlow Serving, MLflow and SageMaker against the real server."""

from importlib.metadata import version
from typing import Any

import pytest
import requests

from tests.serve.conftest import example_body
from tests.serve.project import Server


def post(server: Server, path: str, body: Any) -> Any:
    return server.http.post(server.url + path, json=body, timeout=30)


@pytest.mark.parametrize("path", ["/v1/models/echo:predict", "/v1/models/echo/versions/1:predict"])
def test_tensorflow_servings_rows_and_columns_work(server: Server, path: str) -> None:
    assert post(server, path, {"instances": [1.5, 2]}).json() == {"predictions": [3.0, 4.0]}
    assert post(server, f"{path}?x=1", {"inputs": {"x": [1.5]}}).json() == {"outputs": [3.0]}


def test_tensorflow_servings_classify_returns_every_class(server: Server) -> None:
    rows = example_body("iris")["instances"]  # type: ignore[index]
    [first, *_] = post(server, "/v1/models/iris:classify", {"examples": rows}).json()["result"]
    assert [label for label, _ in first] == ["setosa", "versicolor", "virginica"]
    assert sum(score for _, score in first) == pytest.approx(1)


def test_tensorflow_servings_status_and_metadata_are_returned(server: Server) -> None:
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
def test_errors_have_tensorflow_servings_form(server: Server, path: str, status: int, message: str) -> None:
    response = post(server, path, {})
    assert response.status_code == status
    assert response.json().keys() == {"error"}
    assert message in response.json()["error"]


def test_responses_to_mlflows_requests_contain_only_predictions(server: Server) -> None:
    rows = example_body("iris")["instances"]  # type: ignore[index]
    expected = {"predictions": server.predict("iris", {"instances": rows}).json()["predictions"]}
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    for body in ({"dataframe_records": rows}, {"dataframe_split": split, "params": {}}):
        assert post(server, "/models/iris/invocations", body).json() == expected


def ready_for_kserve(server: Server, name: str) -> bool:
    """`is_model_ready` of KServe's V1 client: 503 means not ready, another error is raised, else the member `ready` counts."""
    response = server.get(f"/v1/models/{name}")
    if response.status_code == 503:
        return False
    response.raise_for_status()
    ready: bool = response.json().get("ready")
    return ready


def test_kserves_v1_client_finds_a_live_server_and_ready_models(server: Server) -> None:
    assert server.get("/").json()["status"].lower() == "alive"
    assert ready_for_kserve(server, "iris") is True
    assert ready_for_kserve(server, "dozer") is True, "it is scaled to zero, and a request wakes it"
    with pytest.raises(requests.HTTPError, match="404"):
        ready_for_kserve(server, "irsi")
    assert "iris" in server.get("/v1/models").json()["models"]


def test_inputs_of_kserve_v1_are_rows(server: Server) -> None:
    rows = example_body("iris")["instances"]  # type: ignore[index]
    expected = post(server, "/v1/models/iris:predict", {"instances": rows}).json()
    assert post(server, "/v1/models/iris:predict", {"inputs": rows}).json() == expected
    assert post(server, "/v1/models/echo:predict", {"inputs": [1.5]}).json()["predictions"] == [3.0]


def test_a_table_without_a_header_works_on_predict_and_invocations(server: Server) -> None:
    for path in ("/models/iris/predict", "/models/iris/invocations"):
        for kind in ("text/csv", "text/csv; header=absent"):
            response = server.http.post(
                server.url + path, data="5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n", headers={"content-type": kind}, timeout=30
            )
            assert response.json()["predictions"] == ["setosa", "virginica"]


def test_mlflows_paths_of_the_whole_server(server: Server) -> None:
    assert server.get("/health").status_code == 200
    assert server.get("/version").text == version("modelyard")


def test_sagemakers_paths_are_the_default_models(server: Server) -> None:
    assert server.get("/ping").status_code == 200
    assert post(server, "/invocations", {"instances": [21]}).json() == {"predictions": [42.0]}
