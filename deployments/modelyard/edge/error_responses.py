"""What the edge answers itself, as HAProxy's configuration writes it: problem documents, and the ends of gRPC calls. Pure text.

HAProxy's own pages are HTML. Only what it cannot read as HTTP at all still gets one: no rule of ours sees that.
"""

import json

from modelyard.protocols.grpc.status import Status, escaped

ERROR_FILE = "unavailable.http"
"""The answer where no replica took the request, or it died on it; HAProxy has 502 and 503 for that."""

TIMEOUT_MESSAGE = "no replica of the model answered in time"
HTTP_ERRORS = (
    (400, "Bad Request", "the request is incomplete"),
    (408, "Request Timeout", "the request came too slowly"),
    (500, "Internal Server Error", "the load balancer failed on this request"),
)
GRPC_ERRORS = (
    (400, Status.INTERNAL, "the call is incomplete"),
    (408, Status.DEADLINE_EXCEEDED, "the message came too slowly"),
    (500, Status.INTERNAL, "the load balancer failed on this call"),
    (502, Status.UNAVAILABLE, "no replica of the model answered"),
    (503, Status.UNAVAILABLE, "no replica of the model answered"),
    (504, Status.DEADLINE_EXCEEDED, TIMEOUT_MESSAGE),
)


def problem_response(status: int, title: str, detail: str, *, retry_after_s: int | None = None) -> str:
    """The arguments of `http-request return` for a problem document (RFC 9457); the texts hold no quotes."""
    retry = "" if retry_after_s is None else f"hdr retry-after {retry_after_s} "
    return f"status {status} {retry}content-type application/problem+json string '{_document(status, title, detail)}'"


def grpc_error(status: Status, message: str) -> str:
    """The arguments of `http-request return` for a call that ends with this status."""
    return f"status 200 {_trailers(status, message)}"


def http_errors() -> str:
    """Lines for an HTTP frontend, in the place of HAProxy's own pages."""
    lines = [f"http-error {problem_response(*each)}" for each in HTTP_ERRORS]
    lines += [f"errorfile {status} {ERROR_FILE}" for status in (502, 503)]
    # The frontend makes this one a 503 where there was no replica to be late.
    late = json.dumps(
        {
            "type": "about:blank",
            "title": "%[var(txn.late_title,Gateway Timeout)]",
            "status": 0,
            "detail": TIMEOUT_MESSAGE,
            "error": TIMEOUT_MESSAGE,
        }
    )
    late = late.replace('"status": 0', '"status": %[var(txn.late_status,504)]')
    lines.append(f"http-error status 504 content-type application/problem+json lf-string '{late}'")
    return "".join(f"    {line}\n" for line in lines)


def grpc_errors() -> str:
    """Lines for a gRPC frontend. A rule of the frontend must make their HTTP status 200, as gRPC has it."""
    return "".join(f"    http-error status {http} {_trailers(status, text)}\n" for http, status, text in GRPC_ERRORS)


def render_error_file() -> str:
    """ERROR_FILE, a raw answer as HAProxy's `errorfile` wants it."""
    title = "Service Unavailable"
    body = _document(503, title, "no replica of the model answered")
    lines = (
        f"HTTP/1.1 503 {title}",
        "content-type: application/problem+json",
        "retry-after: 1",
        f"content-length: {len(body)}",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")) + body


def _trailers(status: Status, message: str) -> str:
    text = escaped(message).decode().replace("%", "%%").replace(" ", "\\ ")
    return f"hdr grpc-status {int(status)} hdr grpc-message {text}"


def _document(status: int, title: str, detail: str) -> str:
    """For every protocol: the clients of /v1 and /v2 look for `error`, which RFC 9457 lets be there."""
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, "error": detail})
