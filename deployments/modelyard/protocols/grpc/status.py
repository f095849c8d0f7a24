"""Errors to gRPC statuses, and how a status is written. Pure.

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
    """Those of gRPC's codes that are used here."""

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
LONGEST_MESSAGE = 1024
"""Bytes of a `grpc-message`; clients take 8 KiB of headers in all."""
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("%")}

OK = ((b"grpc-status", b"0"),)
"""What ends a call that went well."""


def status_of(error: Exception) -> tuple[Status, str]:
    """An error's status (of its class, or the nearest above it that has one) and the message for the client."""
    known = error if isinstance(error, ModelyardError) else UNKNOWN
    status = next((STATUSES[kind] for kind in type(known).__mro__ if kind in STATUSES), Status.INTERNAL)
    return status, known.message


def trailers(error: Exception, request_id: str) -> tuple[tuple[bytes, bytes], ...]:
    """What ends a call that failed. Where the server itself did, the request's id says what to look for in its log."""
    status, message = status_of(error)
    if status is Status.INTERNAL:
        message = f"{message} ({request_id})"
    told = ((b"grpc-status", b"%d" % status), (b"grpc-message", escaped(message)))
    if isinstance(error, Overloaded | ModelNotReady):
        return (*told, (b"grpc-retry-pushback-ms", b"%d" % (error.retry_after_s * 1000)))
    if isinstance(error, UnknownEncoding):
        return (*told, (b"grpc-accept-encoding", ACCEPTED))
    return told


def ended(error: Exception, request_id: str) -> HttpResponse:
    """A call that failed without a message: what would be its trailers stand among its headers."""
    return HttpResponse(200, ((b"content-type", TYPE), *trailers(error, request_id)), b"")


def escaped(message: str) -> bytes:
    """A `grpc-message`: UTF-8, with %XX for what is not printable ASCII; cut where it is too long."""
    raw = message.encode("utf-8", "replace")
    written = b"".join(bytes((byte,)) if byte in _PLAIN else b"%%%02X" % byte for byte in raw[:LONGEST_MESSAGE])
    return written if len(raw) <= LONGEST_MESSAGE else written + b"..."
