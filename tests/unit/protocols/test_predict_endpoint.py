"""Decode, submit, encode: the outcomes that `reply` gets."""

from typing import Any

import numpy as np
import pytest

from modelyard.errors import DeadlineExceeded, InvalidRequest
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.protocols.predict.endpoint import PredictResponse
from tests.unit.inference.rig import Records
from tests.unit.protocols.fake_version import predict_endpoint


class FakeServer:
    """Accepts requests, and returns the test's response."""

    def __init__(self, response: Any) -> None:
        self.answer = response
        self.requests: list[Any] = []
        self.unwritten: Any = None

    def submit(self, request: Any, context: RequestContext, complete: Any) -> str:
        self.requests.append(request)
        self.unwritten = complete(self.answer)
        return "ticket"


def start(response: Any, body: bytes = b'{"instances": [[1]]}') -> tuple[list[Any], FakeServer]:
    """The arguments of `reply`, and the server that got the request."""
    server = FakeServer(response)
    replies: list[Any] = []
    begun: Any = predict_endpoint(server).start(body, b"application/json", (), replies.append, "id")
    assert begun == "ticket"
    return replies, server


def test_a_response_is_json_with_its_times() -> None:
    response = InferResponse({"y": np.array([[2]], np.float32)}, batch_rows=5, queue_s=0.25, compute_s=0.5)
    [made], server = start(response)
    assert made == PredictResponse(
        b'{"model_name":"doubler","model_version":"1","predictions":[[2.0]]}', queue_s=0.25, batch_rows=5, compute_s=0.5
    )
    assert [request.rows for request in server.requests] == [1]


def test_an_error_of_the_server_is_returned_unchanged() -> None:
    error = DeadlineExceeded("late")
    replies, _ = start(error)
    assert replies == [error]


def test_outputs_that_cannot_be_written_are_this_requests_error() -> None:
    [error], server = start(InferResponse({}, 1, 0.0, 0.0))
    assert isinstance(error, KeyError)
    assert server.unwritten is error, "the service records it"


def test_a_request_that_cannot_be_read_is_raised_and_never_submitted() -> None:
    server, recorder = FakeServer(None), Records()
    replies: list[Any] = []
    with pytest.raises(InvalidRequest):
        predict_endpoint(server, recorder).start(b"{", b"", (), replies.append, "id")
    assert replies == server.requests == []
    assert recorder.requests == [("InvalidRequest", 0, 0.0, 0.0, 0)]
