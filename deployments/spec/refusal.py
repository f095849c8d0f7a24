"""Errors that a spec's own rules raise, in a form that the operator's message can be built from."""

from pydantic_core import PydanticCustomError

EXPECTED, REFUSED = "modelyard_expected", "modelyard_refused"


def expected(what: str, suggestion: str = "") -> PydanticCustomError:
    """The value is of the wrong kind; the message goes on to say what was got instead."""
    return PydanticCustomError(EXPECTED, "expected {what}", {"what": what, "suggestion": suggestion})


def refused(message: str, suggestion: str = "", *, at: str = "") -> PydanticCustomError:
    """The value is against a rule, told by the message; `at` names the key of the section that is to blame."""
    return PydanticCustomError(REFUSED, "{text}", {"text": message, "suggestion": suggestion, "at": at})
