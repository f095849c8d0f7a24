"""Error responses: `application/problem+json` (RFC 9457), with a JSON pointer to each bad value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

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

STATUSES: Mapping[type[ModelyardError], tuple[int, str]] = {
    InvalidRequest: (400, "Bad Request"),
    ModelNotFound: (404, "Not Found"),
    MethodNotAllowed: (405, "Method Not Allowed"),
    NotAcceptable: (406, "Not Acceptable"),
    BodyTooSlow: (408, "Request Timeout"),
    PayloadTooLarge: (413, "Content Too Large"),
    UnsupportedMediaType: (415, "Unsupported Media Type"),
    Overloaded: (429, "Too Many Requests"),
    InferenceFailed: (500, "Internal Server Error"),
    NotSupported: (501, "Not Implemented"),
    ModelNotReady: (503, "Service Unavailable"),
    DeadlineExceeded: (504, "Gateway Timeout"),
}
"""Status and title of each error. The title is the phrase of RFC 9110, as RFC 9457 requires where `type` is about:blank."""

UNKNOWN = InferenceFailed("internal error; the server's log has details under the request id")
"""Stands for all other errors, whose messages may contain internals."""

JSON = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole HTTP response; its sender adds `content-length`."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    """Lower-case names."""
    body: bytes


def json_response(document: Any, status: int = 200) -> HttpResponse:
    """A response with this document as its body."""
    return HttpResponse(status, (JSON,), orjson.dumps(document))


def problem(error: BaseException, request_id: str, instance: str) -> HttpResponse:
    """The response for an error. `instance` is the request's path; characters that are invalid in a URL are escaped."""
    known = public_error(error)
    status, title = status_of(known)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": known.message,
        "instance": quote(instance, safe="/%:?&=@+,;~", errors="replace"),
        "request_id": request_id,
    }
    if isinstance(known, InvalidRequest) and known.bad_values:
        document["errors"] = [{"pointer": bad.pointer, "detail": bad.message} for bad in known.bad_values]
    headers = ((b"content-type", b"application/problem+json"), *headers_of(known))
    return HttpResponse(status, headers, orjson.dumps(document))


def public_error(error: BaseException) -> ModelyardError:
    """The error to show to the client: hides internal errors."""
    return error if isinstance(error, ModelyardError) else UNKNOWN


def status_of(error: ModelyardError) -> tuple[int, str]:
    """Status and title of the error's class, or of its nearest base class that has them."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), STATUSES[InferenceFailed])


def headers_of(error: ModelyardError) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of an error response, in whatever format its body is."""
    if isinstance(error, Overloaded | ModelNotReady):
        return ((b"retry-after", b"%d" % error.retry_after_s),)
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", ", ".join(error.allow).encode()),)
    return ()
