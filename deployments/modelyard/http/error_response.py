"""The response for an error, in the form of the protocol that its path belongs to."""

import orjson

from modelyard.http.problem import JSON, HttpResponse, headers_of, problem, public_error, status_of

ERROR_MEMBER = ("/v1/", "/v2/")
"""Paths of TensorFlow Serving's protocol and the Open Inference Protocol, whose errors have one member: `{"error": "..."}`."""


def error_response(error: BaseException, request_id: str, path: str) -> HttpResponse:
    """`path` is the request's, and may be anything that a client sent."""
    if path.startswith(ERROR_MEMBER) or path == "/v2":
        return _error_member(error, request_id)
    return problem(error, request_id, path)


def _error_member(error: BaseException, request_id: str) -> HttpResponse:
    known = public_error(error)
    status, _ = status_of(known)
    message = (
        f"{known.message} ({request_id})" if status == 500 else known.message
    )  # the id to look for in the server's log
    return HttpResponse(status, (JSON, *headers_of(known)), orjson.dumps({"error": message}))
