"""Error responses as problem documents: status, pointers and headers."""

import inspect

import orjson
import pytest

from modelyard import errors
from modelyard.errors import BadValue, InvalidRequest, MethodNotAllowed, ModelNotReady, ModelyardError, Overloaded
from modelyard.http.problem import STATUSES, json_response, problem

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ModelyardError) and kind is not ModelyardError
]


def test_every_error_has_the_status_of_its_meaning_in_http() -> None:
    assert set(ERRORS) == set(STATUSES)
    assert {kind.__name__: status for kind, (status, _) in STATUSES.items()} == {
        "InvalidRequest": 400,
        "ModelNotFound": 404,
        "MethodNotAllowed": 405,
        "NotAcceptable": 406,
        "BodyTooSlow": 408,
        "PayloadTooLarge": 413,
        "UnsupportedMediaType": 415,
        "Overloaded": 429,
        "InferenceFailed": 500,
        "NotSupported": 501,
        "ModelNotReady": 503,
        "DeadlineExceeded": 504,
    }


def test_a_document_is_sent_as_json_with_status_200_or_the_given_one() -> None:
    response = json_response({"ready": True})
    assert (response.status, response.headers, response.body) == (
        200,
        ((b"content-type", b"application/json"),),
        b'{"ready":true}',
    )
    assert json_response([], 202).status == 202


@pytest.mark.parametrize("kind", ERRORS)
def test_a_known_error_is_reported_with_its_message(kind: type[ModelyardError]) -> None:
    response = problem(kind("what went wrong"), "r-1", "/models/iris/predict")
    status, title = STATUSES[kind]
    assert response.status == status
    assert response.headers[0] == (b"content-type", b"application/problem+json")
    assert orjson.loads(response.body) == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": "what went wrong",
        "instance": "/models/iris/predict",
        "request_id": "r-1",
    }


def test_each_bad_value_has_a_pointer() -> None:
    error = InvalidRequest.at([BadValue("/instances/0/1", "expected a number"), BadValue("/instances/3", "too short")])
    document = orjson.loads(problem(error, "r", "/").body)
    assert document["detail"] == "expected a number at /instances/0/1 (and 1 more)"
    assert document["errors"] == [
        {"pointer": "/instances/0/1", "detail": "expected a number"},
        {"pointer": "/instances/3", "detail": "too short"},
    ]


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), SystemExit("secret"), MemoryError()])
def test_an_unknown_error_reveals_no_internals(error: BaseException) -> None:
    response = problem(error, "r-9", "/models/iris/predict")
    assert response.status == 500
    assert b"secret" not in response.body
    assert type(error).__name__.encode() not in response.body
    assert orjson.loads(response.body)["request_id"] == "r-9"


def test_a_subclass_has_the_status_of_its_base_class() -> None:
    class StillLoading(ModelNotReady):
        pass

    assert problem(StillLoading("soon"), "r", "/").status == 503
    assert problem(ModelyardError("anything"), "r", "/").status == 500


@pytest.mark.parametrize("kind", [Overloaded, ModelNotReady])
def test_a_retryable_error_has_a_retry_after_header(kind: type[Overloaded | ModelNotReady]) -> None:
    error = kind("later")
    assert (b"retry-after", b"1") in problem(error, "r", "/").headers
    error.retry_after_s = 30
    assert (b"retry-after", b"30") in problem(error, "r", "/").headers


def test_a_wrong_method_gets_an_allow_header() -> None:
    error = MethodNotAllowed("GET, please")
    error.allow = ("GET", "HEAD")
    assert (b"allow", b"GET, HEAD") in problem(error, "r", "/").headers


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ("/models/iris/predict?a=1", "/models/iris/predict?a=1"),
        ("/models/caf%C3%A9", "/models/caf%C3%A9"),
        ("/models/café \n", "/models/caf%C3%A9%20%0A"),
        ("/\ud800", "/?"),
    ],
)
def test_the_instance_is_a_valid_url_for_any_path(instance: str, expected: str) -> None:
    assert orjson.loads(problem(ValueError(), "r", instance).body)["instance"] == expected
