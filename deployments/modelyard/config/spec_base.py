"""Base class of everything that is read from YAML, and the errors that its validators raise."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

EXPECTED, REJECTED = "modelyard_expected", "modelyard_rejected"
MAX_TIMEOUT_S = 86_400
"""One day."""


class Spec(BaseModel):
    """Frozen and strict: no unknown keys, no conversions between types, no infinite numbers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def expected(what: str, suggestion: str = "", *, at: tuple[int | str, ...] = ()) -> PydanticCustomError:
    """The error for a value of the wrong kind. The final message also describes the value. `at` is as in `rejected`."""
    return PydanticCustomError(EXPECTED, "expected {what}", {"what": what, "suggestion": suggestion, "at": at})


def rejected(message: str, suggestion: str = "", *, at: tuple[int | str, ...] = ()) -> PydanticCustomError:
    """The error for a value that breaks a rule. `at` is the path from the validated value to the part that is wrong."""
    return PydanticCustomError(REJECTED, "{text}", {"text": message, "suggestion": suggestion, "at": at})
