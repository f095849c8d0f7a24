"""Error responses in the form of each protocol."""

import inspect

import orjson
import pytest

from modelyard import errors
from modelyard.errors import MethodNotAllowed, ModelNotReady, ModelyardError, Overloaded
from modelyard.http.error_response import error_response
from modelyard.http.problem import problem

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ModelyardError) and kind is not ModelyardError
]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_one_member_and_its_usual_status(kind: type[ModelyardError]) -> None:
    answer = error_response(kind("what went wrong"), "r-1", "/v2")
    assert answer.status == problem(kind("what went wrong"), "r-1", "/").status
    assert (b"content-type", b"application/json") in answer.headers
    message = "what went wrong (r-1)" if answer.status == 500 else "what went wrong"
    assert orjson.loads(answer.body) == {"error": message}


def test_an_unknown_error_reveals_only_the_request_id() -> None:
    answer = error_response(ValueError("secret"), "r-9", "/v2")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"(r-9)" in answer.body


@pytest.mark.parametrize("kind", [Overloaded, ModelNotReady])
def test_an_overload_error_has_a_retry_after_header(kind: type[Overloaded]) -> None:
    assert (b"retry-after", b"1") in error_response(kind("busy"), "r", "/v2").headers


def test_the_error_for_a_wrong_method_has_an_allow_header() -> None:
    error = MethodNotAllowed("no")
    error.allow = ("GET", "HEAD")
    assert (b"allow", b"GET, HEAD") in error_response(error, "r", "/v2").headers
