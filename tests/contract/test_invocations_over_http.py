"""What clients of MLflow get from a replica: the same on the fast path and on the slow path."""

import pytest

from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import ONE

PATH = "/models/doubler/invocations"


@pytest.mark.parametrize("path", [PATH, "/models/doubler/versions/3/invocations"])
def test_the_response_to_an_invocation_has_only_predictions(replica: Make, path: str) -> None:
    rig = replica()
    assert rig.fetch(request(path, ONE, content_type="application/json")).json == {"predictions": [[3.0]]}
    assert rig.fetch(request(path, b"x\n2\n", content_type="text/csv")).json == {"predictions": [[4.0]]}
    assert rig.by_fast_path == (rig.way == "fast path")


@pytest.mark.parametrize(
    ("sent", "status", "detail"),
    [
        (request(PATH, b"{"), 400, "not valid JSON"),
        (request(PATH, b"<x/>", content_type="application/xml"), 415, "application/json and text/csv"),
        (request(PATH, ONE, content_encoding="br"), 415, "'br' is not supported"),
        (request(PATH, method="GET"), 405, "supports POST, not GET"),
    ],
)
def test_an_error_is_a_problem_document(replica: Make, sent: bytes, status: int, detail: str) -> None:
    response = replica().fetch(sent)
    assert response.status == status
    assert detail in response.json["detail"]
