"""The edge's own error responses, as HAProxy configuration: problem documents for HTTP, statuses for gRPC. Pure text.

They replace HAProxy's HTML pages. Only bytes that HAProxy cannot parse as HTTP still get its own page: no rule sees them.
"""

import json

from modelyard.protocols.grpc.status import Status, escaped

ERROR_FILE = "unavailable.http"
"""The response for HAProxy's 502 and 503: no replica accepted the request, or the replica died while it processed it."""

TIMEOUT_MESSAGE = "no replica of the model responded in time"
HTTP_ERRORS = (
    (400, "Bad Request", "the request is incomplete"),
    (408, "Request Timeout", "the request was sent too slowly"),
    (500, "Internal Server Error", "the load balancer failed to process the request"),
)
GRPC_ERRORS = (
    (400, Status.INTERNAL, "the call is incomplete"),
    (408, Status.DEADLINE_EXCEEDED, "the message was sent too slowly"),
    (500, Status.INTERNAL, "the load balancer failed to process the call"),
    (502, Status.UNAVAILABLE, "no replica of the model responded"),
    (503, Status.UNAVAILABLE, "no replica of the model responded"),
    (504, Status.DEADLINE_EXCEEDED, TIMEOUT_MESSAGE),
)
"""By the HTTP status that HAProxy would send."""


def problem_response(status: int, title: str, detail: str, *, retry_after_s: int | None = None) -> str:
    """The arguments of `http-request return` for a problem document (RFC 9457). The texts must not contain single quotes."""
    retry = "" if retry_after_s is None else f"hdr retry-after {retry_after_s} "
    return f"status {status} {retry}content-type application/problem+json string '{_document(status, title, detail)}'"


def grpc_error(status: Status, message: str) -> str:
    """The arguments of `http-request return` for a call that ends with this status."""
    return f"status 200 {_trailers(status, message)}"


def http_errors() -> str:
    """Rules for an HTTP frontend that replace HAProxy's own error pages."""
    lines = [f"http-error {problem_response(*each)}" for each in HTTP_ERRORS]
    lines += [f"errorfile {status} {ERROR_FILE}" for status in (502, 503)]
    # The frontend changes a 504 to 503 where the model had no replica; the document must agree.
    timeout = json.dumps(
        {
            "type": "about:blank",
            "title": "%[var(txn.timeout_title,Gateway Timeout)]",
            "status": 0,
            "detail": TIMEOUT_MESSAGE,
            "error": TIMEOUT_MESSAGE,
        }
    )
    timeout = timeout.replace('"status": 0', '"status": %[var(txn.timeout_status,504)]')
    lines.append(f"http-error status 504 content-type application/problem+json lf-string '{timeout}'")
    return "".join(f"    {line}\n" for line in lines)


def grpc_errors() -> str:
    """Rules for a gRPC frontend. The frontend must set the HTTP status to 200, which gRPC requires."""
    return "".join(f"    http-error status {http} {_trailers(status, text)}\n" for http, status, text in GRPC_ERRORS)


def render_error_file() -> str:
    """The content of ERROR_FILE: a raw HTTP response, as HAProxy's `errorfile` requires."""
    title = "Service Unavailable"
    body = _document(503, title, "no replica of the model responded")
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
    """For every protocol: clients of /v1 and /v2 read `error`, which RFC 9457 permits as an extension member."""
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, "error": detail})
