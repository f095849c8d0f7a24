"""Maps errors to gRPC statuses, and writes a status as trailers.

Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
"""

from collections.abc import Mapping
from enum import IntEnum

from modelyard.errors import (
    BodyTooSlow,
    DeadlineExceeded,
    InferenceFailed,
    InvalidRequest,
    MethodNotAllowed,
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
    NotAcceptable,
    NotSupported,
    Overloaded,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from modelyard.http.problem import UNKNOWN, HttpResponse
from modelyard.protocols.grpc.frames import ACCEPTED, UnknownEncoding


class Status(IntEnum):
    """The gRPC codes that are used."""

    OK = 0
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


STATUSES: Mapping[type[ModelyardError], Status] = {
    InvalidRequest: Status.INVALID_ARGUMENT,
    ModelNotFound: Status.NOT_FOUND,
    MethodNotAllowed: Status.UNIMPLEMENTED,
    UnsupportedMediaType: Status.INVALID_ARGUMENT,
    UnknownEncoding: Status.UNIMPLEMENTED,
    NotAcceptable: Status.INVALID_ARGUMENT,
    NotSupported: Status.UNIMPLEMENTED,
    BodyTooSlow: Status.DEADLINE_EXCEEDED,
    PayloadTooLarge: Status.RESOURCE_EXHAUSTED,
    Overloaded: Status.RESOURCE_EXHAUSTED,
    InferenceFailed: Status.INTERNAL,
    ModelNotReady: Status.UNAVAILABLE,
    DeadlineExceeded: Status.DEADLINE_EXCEEDED,
}
"""The status of each error."""
TYPE = b"application/grpc"
MAX_MESSAGE_BYTES = 1024
"""Of a `grpc-message`. Clients accept 8 KiB of headers in total."""
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("%")}

OK = ((b"grpc-status", b"0"),)
"""The trailers of a successful call."""


def status_of(error: Exception) -> tuple[Status, str]:
    """An error's status (that of its class or the nearest base class) and the message for the client."""
    known = error if isinstance(error, ModelyardError) else UNKNOWN
    status = next((STATUSES[kind] for kind in type(known).__mro__ if kind in STATUSES), Status.INTERNAL)
    return status, known.message


def trailers(error: Exception, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
    """The trailers of a failed call. For an internal error the message has the request id, by which the log has more."""
    status, message = status_of(error)
    if status is Status.INTERNAL:
        message = f"{message} ({request_id})"
    status_trailers = ((b"grpc-status", b"%d" % status), (b"grpc-message", escaped(message)))
    if isinstance(error, Overloaded | ModelNotReady):
        return (*status_trailers, (b"grpc-retry-pushback-ms", b"%d" % (error.retry_after_s * 1000)))
    if isinstance(error, UnknownEncoding):
        return (*status_trailers, (b"grpc-accept-encoding", ACCEPTED))
    return status_trailers


def trailers_only(error: Exception, request_id: str) -> HttpResponse:
    """A response without a message: its trailers are sent as headers (gRPC's Trailers-Only form)."""
    return HttpResponse(200, ((b"content-type", TYPE), *trailers(error, request_id)), b"")


def escaped(message: str) -> bytes:
    """A `grpc-message`: UTF-8, with %XX for all but printable ASCII, truncated to MAX_MESSAGE_BYTES."""
    raw = message.encode("utf-8", "replace")
    encoded = b"".join(bytes((byte,)) if byte in _PLAIN else b"%%%02X" % byte for byte in raw[:MAX_MESSAGE_BYTES])
    return encoded if len(raw) <= MAX_MESSAGE_BYTES else encoded + b"..."
