"""The errors that clients get keep their type and details between processes."""

import inspect
import pickle
import re

import pytest

from modelyard import errors
from modelyard.errors import BadValue, InvalidRequest, MethodNotAllowed, ModelNotReady, ModelyardError, Overloaded

CLASSES = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, ModelyardError)
}


@pytest.mark.parametrize("kind", CLASSES.values())
def test_an_error_survives_pickling(kind):
    error = kind("what the client reads")
    error.retry_after_s = 7
    read = pickle.loads(pickle.dumps(error))
    assert type(read) is kind
    assert (read.message, read.args, read.retry_after_s) == (error.message, error.args, 7)


@pytest.mark.parametrize("kind", CLASSES.values())
def test_no_error_has_a_constructor_of_its_own(kind):
    assert "__init__" not in vars(kind)
    assert kind("text").message == str(kind("text")) == "text"


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    shown = re.findall(r"[├└]── (\w+)", str(errors.__doc__))
    assert sorted(["ModelyardError", *shown]) == sorted(CLASSES)
    assert all(CLASSES[name].__bases__ == (ModelyardError,) for name in shown)


def test_an_error_without_a_message_is_reported_by_its_name():
    assert Overloaded().message == "Overloaded"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([BadValue("/instances/0/2", "expected a number")], "expected a number at /instances/0/2"),
        ([BadValue("", "expected an object")], "expected an object"),
        ([BadValue("/a", "no"), BadValue("/b", "nor"), BadValue("/c", "neither")], "no at /a (and 2 more)"),
    ],
)
def test_a_request_with_bad_values_names_the_first_and_carries_all(values, message):
    error = InvalidRequest.at(values)
    assert error.message == message
    assert pickle.loads(pickle.dumps(error)).bad_values == tuple(values)


def test_details_have_defaults_that_are_safe_to_send():
    assert InvalidRequest("x").bad_values == ()
    assert MethodNotAllowed("x").allow == ()
    assert (Overloaded("x").retry_after_s, ModelNotReady("x").retry_after_s) == (1, 1)
