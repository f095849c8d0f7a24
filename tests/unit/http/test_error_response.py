"""Errors in the protocol's own form."""

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
def test_every_error_has_one_member_and_the_status_that_it_has_anywhere(kind: type[ModelyardError]) -> None:
    answer = error_response(kind("what went wrong"), "r-1", "/v2")
    assert answer.status == problem(kind("what went wrong"), "r-1", "/").status
    assert (b"content-type", b"application/json") in answer.headers
    told = "what went wrong (r-1)" if answer.status == 500 else "what went wrong"
    assert orjson.loads(answer.body) == {"error": told}


def test_an_error_that_nobody_knows_tells_nothing_but_the_requests_id() -> None:
    answer = error_response(ValueError("secret"), "r-9", "/v2")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"(r-9)" in answer.body


@pytest.mark.parametrize("kind", [Overloaded, ModelNotReady])
def test_who_should_come_again_is_told_when(kind: type[Overloaded]) -> None:
    assert (b"retry-after", b"1") in error_response(kind("busy"), "r", "/v2").headers


def test_a_wrong_method_is_told_the_right_ones() -> None:
    error = MethodNotAllowed("no")
    error.allow = ("GET", "HEAD")
    assert (b"allow", b"GET, HEAD") in error_response(error, "r", "/v2").headers
