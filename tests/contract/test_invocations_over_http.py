"""What clients of MLflow get from a replica: the same on the fast path and on the slow path."""

import pytest

from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import ONE

PATH = "/models/doubler/invocations"


@pytest.mark.parametrize("path", [PATH, "/models/doubler/versions/3/invocations"])
def test_an_invocation_is_answered_with_predictions_alone(replica: Make, path: str) -> None:
    one = replica()
    assert one.ask(request(path, ONE, content_type="application/json")).json == {"predictions": [[3.0]]}
    assert one.ask(request(path, b"x\n2\n", content_type="text/csv")).json == {"predictions": [[4.0]]}
    assert one.by_fast_path == (one.way == "fast path")


@pytest.mark.parametrize(
    ("asked", "status", "detail"),
    [
        (request(PATH, b"{"), 400, "not valid JSON"),
        (request(PATH, b"<x/>", content_type="application/xml"), 415, "application/json and text/csv"),
        (request(PATH, ONE, content_encoding="br"), 415, "'br' is not supported"),
        (request(PATH, method="GET"), 405, "supports POST, not GET"),
    ],
)
def test_what_is_wrong_is_told_as_a_problem(replica: Make, asked: bytes, status: int, detail: str) -> None:
    answer = replica().ask(asked)
    assert answer.status == status
    assert detail in answer.json["detail"]
