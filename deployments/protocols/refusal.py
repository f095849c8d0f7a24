"""An error in the form of the protocol that a path belongs to."""

from deployments.protocols.oip.error import oip_error
from deployments.protocols.problem import HttpAnswer, problem

ERROR_MEMBER = ("/v1/", "/v2/")
"""Paths whose protocols (TensorFlow Serving's, the Open Inference Protocol) have errors of one member, `error`."""


def refusal(error: BaseException, request_id: str, path: str) -> HttpAnswer:
    """The answer for an error. `path` is the request's, and may be anything that a client sent."""
    if path.startswith(ERROR_MEMBER) or path == "/v2":
        return oip_error(error, request_id)
    return problem(error, request_id, path)
