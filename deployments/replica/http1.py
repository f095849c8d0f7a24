"""Whole answers as HTTP/1.1 writes them. `more` is further header lines, each with its end."""

from deployments.protocols.http import server_timing
from deployments.protocols.problem import STATUSES, HttpAnswer
from deployments.replica.predictor import Prediction

CLOSE = b"connection: close\r\n"
STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, title.encode()) for status, title in STATUSES.values()}


def prediction(made: Prediction, request_id: str, more: bytes) -> bytes:
    """A model's answer."""
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\nserver-timing: %b\r\nx-request-id: %b\r\n%b\r\n%b"
    ) % (
        len(made.body),
        server_timing(made.queue_s, made.batch_rows, made.compute_s),
        request_id.encode(),
        more,
        made.body,
    )


def refusal(answer: HttpAnswer, request_id: str, more: bytes) -> bytes:
    """The answer for an error."""
    return b"%b%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b" % (
        STATUS_LINES[answer.status],
        b"".join(b"%b: %b\r\n" % header for header in answer.headers),
        len(answer.body),
        request_id.encode(),
        more,
        answer.body,
    )
