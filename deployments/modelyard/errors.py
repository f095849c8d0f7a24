"""Every error that a client can meet, in one tree.

    ModelyardError
    ├── InvalidRequest          the request is wrong; `bad_values` points at each value
    ├── ModelNotFound           no such model, version or path
    ├── MethodNotAllowed        the path exists, the method is not one of its own
    ├── UnsupportedMediaType    a content type or encoding that is not read here
    ├── NotAcceptable           the answer has no form that the client takes
    ├── NotSupported            a part of a protocol that this server does not have
    ├── PayloadTooLarge         the body passes its limit
    ├── BodyTooSlow             the body comes too slowly to wait for its end
    ├── Overloaded              the queue is full; try again after `retry_after_s`
    ├── ModelNotReady           the model is not loaded; try again after `retry_after_s`
    ├── DeadlineExceeded        no answer in the time allowed
    └── InferenceFailed         the model failed on a request that was fine

No class defines `__init__`: each takes one message, and what else it carries are plain attributes, so that an error keeps its
type and its details when it is pickled on its way between processes. What each means in a protocol is that protocol's table.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class BadValue:
    """One value of a request that cannot be used: where it stands (a JSON pointer, RFC 6901) and what is wrong with it."""

    pointer: str
    message: str


class ModelyardError(Exception):
    """Anything that a client is told about. Its one argument is the message, written for that client."""

    @property
    def message(self) -> str:
        """What the client reads."""
        return str(self.args[0]) if self.args else type(self).__name__


class InvalidRequest(ModelyardError):
    """The request cannot be understood, or does not fit the model's signature."""

    bad_values: tuple[BadValue, ...] = ()

    @classmethod
    def at(cls, bad_values: list[BadValue]) -> Self:
        """The error for these values; its message is the first one's, and says how many more there are."""
        first, more = bad_values[0], len(bad_values) - 1
        where = f" at {first.pointer}" if first.pointer else ""
        error = cls(f"{first.message}{where}" + (f" (and {more} more)" if more else ""))
        error.bad_values = tuple(bad_values)
        return error


class ModelNotFound(ModelyardError):
    """No model, version or path of this name."""


class MethodNotAllowed(ModelyardError):
    """The path exists; `allow` lists its methods."""

    allow: tuple[str, ...] = ()


class UnsupportedMediaType(ModelyardError):
    """A content type or encoding that this path does not take."""


class NotAcceptable(ModelyardError):
    """The answer does not fit into the form that the client asks for."""


class NotSupported(ModelyardError):
    """A part of a protocol that this server does not have, such as shared memory."""


class PayloadTooLarge(ModelyardError):
    """The body is larger than the server or the model allows."""


class BodyTooSlow(ModelyardError):
    """The client sends so slowly that nobody waits for the end; the connection closes."""


class Overloaded(ModelyardError):
    """The model's queue is full."""

    retry_after_s: int = 1


class ModelNotReady(ModelyardError):
    """The model is known but cannot answer yet, or cannot answer any more."""

    retry_after_s: int = 1


class DeadlineExceeded(ModelyardError):
    """The answer was not ready in time."""


class InferenceFailed(ModelyardError):
    """The model raised on a request that fits its signature. The message never holds the model's internals."""
