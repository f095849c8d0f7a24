"""A path belongs to a model by whole segments: a route that another path only begins with is not its route."""

import pytest

from tests.unit.gateway.gateway_client import entry, get_response

IRIS = entry("iris")
IRIS2 = entry("iris2", "UNAVAILABLE", "there is no folder iris2")
LEAVERS = entry("leavers", route="/who/leaves")


@pytest.mark.parametrize("path", ["/models/iris2", "/models/iris2/ready", "/models/iris2/predict", "/models/iris-2"])
def test_a_path_that_only_begins_with_a_route_belongs_to_no_model(path):
    response = get_response(path, entries=[IRIS])
    name = path.split("/")[2]
    assert response.status == 404
    assert response.json["detail"] == f"there is no model {name!r}; did you mean 'iris'?"


@pytest.mark.parametrize("path", ["/who/leaves2", "/who/leaves2/ready", "/who", "/wh"])
def test_a_path_that_only_begins_with_a_custom_route_belongs_to_no_model(path):
    response = get_response(path, entries=[LEAVERS])
    assert (response.status, response.json["detail"]) == (
        404,
        f"there is no path {path!r}; GET /models lists the models",
    )


@pytest.mark.parametrize("entries", [[IRIS, IRIS2], [IRIS2, IRIS]], ids=["short first", "long first"])
def test_each_of_two_similar_routes_has_its_own_model(entries):
    assert get_response("/models/iris", entries=entries).json["name"] == "iris"
    assert get_response("/models/iris2", entries=entries).json["name"] == "iris2"
    assert get_response("/models/iris/ready", entries=entries).json == {"ready": True}
    assert (
        get_response("/models/iris2/ready", entries=entries).json["detail"].startswith("model 'iris2' is UNAVAILABLE")
    )


def test_a_route_is_compared_from_the_start_of_the_path():
    assert get_response("/x/models/iris", entries=[IRIS]).status == 404
    assert get_response("/x/models/iris/ready", entries=[IRIS]).status == 404


@pytest.mark.parametrize("path", ["/v2x", "/v20/models/iris", "/v2models/iris"])
def test_a_path_that_only_begins_like_the_open_inference_protocol_is_unknown(path):
    response = get_response(path, entries=[IRIS])
    assert (response.status, response.json["detail"]) == (
        404,
        f"there is no path {path!r}; GET /models lists the models",
    )


def test_a_path_that_only_begins_like_tensorflow_servings_is_unknown():
    scaled_to_zero = entry("iris", scaled_to_zero=True, versions=[1])
    assert get_response("/v1/models/iris", entries=[scaled_to_zero]).status == 200
    assert get_response("/v1/models/iris2", entries=[scaled_to_zero]).status == 404
    assert get_response("/x/v1/models/iris", entries=[scaled_to_zero]).status == 404
    assert get_response("/v1/models/iris/x", entries=[scaled_to_zero]).status == 503
