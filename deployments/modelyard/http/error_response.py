"""The response for an error, in the format of the protocol that the path belongs to."""

import orjson

from modelyard.http.problem import JSON, HttpResponse, headers_of, problem, public_error, status_of

ERROR_OBJECT_PATHS = ("/v1/", "/v2/")
"""Paths of TensorFlow Serving's protocol and the Open Inference Protocol, whose errors are `{"error": "..."}`."""


def error_response(error: BaseException, request_id: str, path: str) -> HttpResponse:
    """`path` is the path that the client sent, unchecked."""
    if path.startswith(ERROR_OBJECT_PATHS) or path == "/v2":
        return _error_object(error, request_id)
    return problem(error, request_id, path)


def _error_object(error: BaseException, request_id: str) -> HttpResponse:
    known = public_error(error)
    status, _ = status_of(known)
    # With the id under which the server's log has the details.
    message = f"{known.message} ({request_id})" if status == 500 else known.message
    return HttpResponse(status, (JSON, *headers_of(known)), orjson.dumps({"error": message}))
