"""All errors that clients can receive, in one tree.

    ModelyardError
    ├── InvalidRequest          the request is wrong; `bad_values` points at each value
    ├── ModelNotFound           no such model, version or path
    ├── MethodNotAllowed        the path exists, but does not support the method
    ├── UnsupportedMediaType    the content type or encoding is not supported
    ├── NotAcceptable           the response has no form that the client accepts
    ├── NotSupported            the server does not support this part of a protocol
    ├── PayloadTooLarge         the body exceeds its limit
    ├── BodyTooSlow             the body arrives too slowly
    ├── Overloaded              the queue is full; try again after `retry_after_s`
    ├── ModelNotReady           the model is not loaded; try again after `retry_after_s`
    ├── DeadlineExceeded        no response within the time limit
    └── InferenceFailed         the model failed on a valid request

No class defines `__init__`: each takes one message, and other details are plain attributes, so that an error keeps its type and its
details when it is pickled between processes. Each protocol has a table that maps these errors to its own.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class BadValue:
    """One invalid value of a request: its position (a JSON pointer, RFC 6901) and what is wrong with it."""

    pointer: str
    message: str


class ModelyardError(Exception):
    """Base of all errors that are reported to a client. Its one argument is the message, written for that client."""

    @property
    def message(self) -> str:
        """The message for the client."""
        return str(self.args[0]) if self.args else type(self).__name__


class InvalidRequest(ModelyardError):
    """The request is malformed, or does not match the model's signature."""

    bad_values: tuple[BadValue, ...] = ()

    @classmethod
    def at(cls, bad_values: list[BadValue]) -> Self:
        """The error for these values. Its message is that of the first one, with the number of the others."""
        first, more = bad_values[0], len(bad_values) - 1
        where = f" at {first.pointer}" if first.pointer else ""
        error = cls(f"{first.message}{where}" + (f" (and {more} more)" if more else ""))
        error.bad_values = tuple(bad_values)
        return error


class ModelNotFound(ModelyardError):
    """There is no model, version or path of this name."""


class MethodNotAllowed(ModelyardError):
    """The path exists; `allow` lists its methods."""

    allow: tuple[str, ...] = ()


class UnsupportedMediaType(ModelyardError):
    """The path does not support the content type or encoding."""


class NotAcceptable(ModelyardError):
    """The response cannot be encoded in a form that the client accepts."""


class NotSupported(ModelyardError):
    """The server does not support this part of a protocol, such as shared memory."""


class PayloadTooLarge(ModelyardError):
    """The body is larger than the server or the model allows."""


class BodyTooSlow(ModelyardError):
    """The client sends the body too slowly. The server closes the connection."""


class Overloaded(ModelyardError):
    """The model's queue is full."""

    retry_after_s: int = 1


class ModelNotReady(ModelyardError):
    """The model is known, but is still loading or has stopped."""

    retry_after_s: int = 1


class DeadlineExceeded(ModelyardError):
    """The response was not ready in time."""


class InferenceFailed(ModelyardError):
    """The model raised an exception on a request that matches its signature. The message never contains internals of the model."""
