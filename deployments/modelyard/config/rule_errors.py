"""Errors that a spec's own rules raise, in a form that the operator's message can be built from."""

from pydantic_core import PydanticCustomError

EXPECTED, REJECTED = "modelyard_expected", "modelyard_refused"


def expected(what: str, suggestion: str = "", *, at: tuple[int | str, ...] = ()) -> PydanticCustomError:
    """The value is of the wrong kind; the message goes on to say what was got instead. `at` is as in `refused`."""
    return PydanticCustomError(EXPECTED, "expected {what}", {"what": what, "suggestion": suggestion, "at": at})


def rejected(message: str, suggestion: str = "", *, at: tuple[int | str, ...] = ()) -> PydanticCustomError:
    """The value is against a rule, told by the message; `at` leads from it to the part of it that is to blame."""
    return PydanticCustomError(REJECTED, "{text}", {"text": message, "suggestion": suggestion, "at": at})
