"""`GET /models` in pages and with a selection, and the OpenAPI documents of a server with very many models."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelyard.gateway.catalogue import ModelEntry, build_catalogue
from modelyard.gateway.routes import MAX_DESCRIBED
from modelyard.ray_serve.application_status import Deployed
from modelyard.ray_serve.pool_report import ModelReport, PoolReports
from tests.fakes import DOUBLER
from tests.unit.control.models import catalogue, resolved
from tests.unit.control.pool_fleet import MIB, pooled_config, reports_of
from tests.unit.gateway.gateway_client import Response, entry, get_response, pooled_entry

NAMES = [f"m{number:04}" for number in range(1000)]
THOUSAND = [entry(name, versions=[1]) for name in NAMES]


SOME = [entry("c"), entry("b", "UNAVAILABLE", "no such file"), pooled_entry("a"), pooled_entry("d", "COLD")]


def listed(query: str, entries: list[ModelEntry] = SOME) -> dict[str, Any]:
    response = get_response("/models", entries=entries, query=query.encode())
    assert response.status == 200, response.body
    document: dict[str, Any] = response.json
    return document


def names(document: Mapping[str, Any]) -> list[str]:
    return [model["name"] for model in document["models"]]


def test_without_parameters_it_is_the_whole_list_in_the_order_of_the_catalogue():
    document = listed("")
    assert names(document) == ["c", "b", "a", "d"]
    assert document.keys() == {"models"}
    assert names(listed("x=1")) == ["c", "b", "a", "d"], "an unknown parameter selects nothing"


def test_pages_have_every_model_once():
    seen: list[str] = []
    query = "limit=300"
    for _ in range(4):
        page = listed(query, THOUSAND)
        assert page["total"] == 1000
        seen += names(page)
        query = f"limit=300&after={page.get('next_after', '')}"
    assert seen == NAMES
    assert "next_after" not in page


def test_a_page_that_ends_with_the_last_model_has_no_next_one():
    assert "next_after" not in listed("limit=1000", THOUSAND)
    assert listed("limit=999", THOUSAND)["next_after"] == "m0998"


def test_a_page_goes_on_after_a_model_that_was_removed():
    assert names(listed("after=bb")) == ["c", "d"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=UNAVAILABLE", ["b"]),
        ("state=READY", ["a", "c", "d"]),
        ("state=COLD", ["d"]),
        ("state=RESIDENT", ["a"]),
        ("pool=small", ["a", "d"]),
        ("pool=small&state=COLD", ["d"]),
        ("pool=other", []),
        ("search=FILE", ["b"]),
        ("search=about+d", ["d"]),
        ("search=B", ["a", "b", "c", "d"]),
    ],
)
def test_a_query_selects_models_by_name(query: str, found: list[str]):
    document = listed(query)
    assert (names(document), document["total"]) == (found, len(found))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1e3", "limit=٣", "state=ready"]
)
def test_a_value_that_is_not_allowed_is_an_error(query: str):
    response = get_response("/models", entries=SOME, query=query.encode())
    assert (response.status, response.headers[b"content-type"]) == (400, b"application/problem+json")
    assert query.partition("=")[0] in response.json["detail"]


def test_a_pooled_model_shows_its_pool_and_its_memory():
    alone, *_, warm, cold = listed("")["models"]
    assert {key: warm[key] for key in ("pool", "residency", "resident_bytes", "load_s")} == {
        "pool": "small",
        "residency": "RESIDENT",
        "resident_bytes": MIB,
        "load_s": 0.123,
    }
    assert cold["residency"] == "COLD"
    assert {"pool", "residency"} & alone.keys() == set()


def test_the_catalogue_has_the_reports_of_pools():
    config = pooled_config(resolved("a", pool="small"), resolved("b", pool="small"), resolved("alone"))
    reports: PoolReports = {**reports_of(config, cold=frozenset("b")), "1": {"b": ModelReport("LOADING")}}
    up = Deployed("RUNNING", {"RUNNING": 1})
    found = build_catalogue([*catalogue(config).values()], {"_pool.small": up, "alone": up}, reports)
    assert {name: (each.pool, each.residency) for name, each in found.items()} == {
        "a": ("small", "RESIDENT"),
        "b": ("small", "LOADING"),
        "alone": ("", ""),
    }


def test_the_openapi_document_of_a_thousand_models_is_small_and_general():
    response = get_response("/openapi.json", entries=THOUSAND, known=dict.fromkeys(NAMES, DOUBLER))
    assert len(response.body) < 1_000_000
    document = response.json
    assert {"/models/{name}", "/models/{name}/predict", "/models/{name}/versions/{version}/predict"} <= {
        *document["paths"]
    }
    parameter = document["components"]["parameters"]["ModelName"]
    assert parameter["schema"]["enum"] == NAMES
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == len({*operations})


def test_up_to_a_limit_each_model_is_described():
    few = [entry(f"m{number}") for number in range(MAX_DESCRIBED)]
    assert "/models/m0/predict" in get_response("/openapi.json", entries=few).json["paths"]
    assert "/models/m0/predict" not in get_response("/openapi.json", entries=[*few, entry("x")]).json["paths"]


def document_paths(response: Response) -> set[str]:
    assert response.status == 200, response.body
    return {path for path in response.json["paths"] if path.endswith("/predict")}


@pytest.mark.parametrize(("path", "query"), [("/models/m0007/openapi.json", b""), ("/openapi.json", b"model=m0007")])
def test_one_model_has_a_document_with_its_own_schemas_at_any_time(path: str, query: bytes):
    response = get_response(path, entries=THOUSAND, known={"m0007": DOUBLER}, query=query)
    assert document_paths(response) == {"/models/m0007/predict", "/models/m0007/versions/{version}/predict"}
    assert "M0007PredictRequest" in response.json["components"]["schemas"]


def test_a_model_with_a_route_has_its_document_there():
    response = get_response("/who/leaves/openapi.json", entries=[entry("leavers", route="/who/leaves")])
    assert "/who/leaves/predict" in document_paths(response)
    assert get_response("/models/leavers/openapi.json", entries=[entry("leavers", route="/who/leaves")]).status == 404


@pytest.mark.parametrize(("path", "query"), [("/models/nobody/openapi.json", b""), ("/openapi.json", b"model=nobody")])
def test_the_document_of_an_unknown_model_is_not_found(path: str, query: bytes):
    assert get_response(path, query=query).status == 404
