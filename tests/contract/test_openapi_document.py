"""The OpenAPI document is valid, and has exactly the paths that replicas and the gateway serve."""

import json
import re

import pytest
import schemathesis

from modelyard.gateway.openapi.document import openapi
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.test_protocols_page import AT_THE_EDGE, ROWS
from tests.fakes import DOUBLER
from tests.unit.gateway.gateway_client import entry, get_response

DOUBLERS = entry("doubler")
DOCUMENT = openapi({"doubler": DOUBLERS}, {"doubler": DOUBLER})
OPERATIONS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]
OF_A_MODEL = re.compile(r"(/models/doubler|/v[12]/models/\{name\}).*(?<!/stats)(?<!/openapi.json)")
"""Paths that a replica serves."""


def filled(path: str, version: int = 3) -> str:
    return (
        path.replace("{name}", "doubler")
        .replace("{version}", str(version))
        .replace("{label}", "stable")
        .replace("{region}", "r")
    )


def documented(path: str) -> str:
    """A path of docs/protocols.md, as the document writes it for a model."""
    path = path.replace("/models/<name>", "/models/doubler") if path.startswith("/models/") else path
    return re.sub("<([a-z]+)>", r"{\1}", path)


def test_the_document_is_valid_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_no_two_operations_share_an_id() -> None:
    ids = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids)) > 60


def test_every_reference_leads_somewhere() -> None:
    for reference in set(re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', json.dumps(DOCUMENT))):
        kind, name = reference
        assert name in DOCUMENT["components"][kind], reference


@pytest.mark.parametrize(
    ("method", "path"), [row[:2] for row in ROWS if row[1] not in AT_THE_EDGE and row[0] != "WS"], ids=str
)
def test_what_the_page_of_protocols_lists_is_in_the_document(method: str, path: str) -> None:
    assert (method, documented(path)) in OPERATIONS


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if OF_A_MODEL.fullmatch(each[1])], ids=str)
def test_a_replica_has_what_the_document_lists(replica: Make, method: str, path: str) -> None:
    response = replica().fetch(request(filled(path), b"", method=method))
    assert response.status not in (404, 405), response.body


@pytest.mark.parametrize(
    ("method", "path"), [each for each in OPERATIONS if not OF_A_MODEL.fullmatch(each[1])], ids=str
)
def test_the_gateway_has_what_the_document_lists(method: str, path: str) -> None:
    response = get_response(filled(path, version=1), method, b"", [DOUBLERS])
    assert response.status not in (404, 405), response.body


def test_every_path_of_a_replica_is_in_the_document(replica: Make) -> None:
    rest = {path for path in replica().fast_paths if path.startswith(("/models/", "/v1/", "/v2/"))}
    written = {
        re.sub("^(/v[12]/models)/doubler", r"\1/{name}", path)
        .replace("/versions/3", "/versions/{version}")
        .replace("/versions/stable", "/versions/{version}")
        .replace("/labels/stable", "/labels/{label}")
        for path in rest
    }
    assert len(written) > 10
    assert written <= {path for method, path in OPERATIONS if method == "POST"}
