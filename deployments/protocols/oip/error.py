"""Errors as clients of the Open Inference Protocol expect them: `{"error": "..."}`, with the status that they have anywhere."""

import orjson

from deployments.protocols.problem import JSON, HttpAnswer, headers_of, status_of, told


def oip_error(error: BaseException, request_id: str) -> HttpAnswer:
    """The answer for an error. Where the server itself failed, the request's id says what to look for in its log."""
    known = told(error)
    status, _ = status_of(known)
    message = f"{known.message} ({request_id})" if status == 500 else known.message
    return HttpAnswer(status, (JSON, *headers_of(known)), orjson.dumps({"error": message}))
