"""Decode, submit, encode: what `reply` is told."""

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
    """Takes requests, and gives the answer that the test has for them."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[Any] = []
        self.unwritten: Any = None

    def submit(self, request: Any, context: RequestContext, complete: Any) -> str:
        self.requests.append(request)
        self.unwritten = complete(self.answer)
        return "ticket"


def start(answer: Any, body: bytes = b'{"instances": [[1]]}') -> tuple[list[Any], FakeServer]:
    """What `reply` got, and the server that was asked."""
    server = FakeServer(answer)
    replies: list[Any] = []
    begun: Any = predict_endpoint(server).start(body, b"application/json", (), replies.append, "id")
    assert begun == "ticket"
    return replies, server


def test_an_answer_is_told_as_json_with_its_times() -> None:
    answer = InferResponse({"y": np.array([[2]], np.float32)}, batch_rows=5, queue_s=0.25, compute_s=0.5)
    [made], server = start(answer)
    assert made == PredictResponse(
        b'{"model_name":"doubler","model_version":"1","predictions":[[2.0]]}', queue_s=0.25, batch_rows=5, compute_s=0.5
    )
    assert [request.rows for request in server.requests] == [1]


def test_an_error_of_the_server_is_told_as_it_is() -> None:
    error = DeadlineExceeded("late")
    replies, _ = start(error)
    assert replies == [error]


def test_outputs_that_cannot_be_written_are_this_requests_error() -> None:
    [error], server = start(InferResponse({}, 1, 0.0, 0.0))
    assert isinstance(error, KeyError)
    assert server.unwritten is error, "so it is recorded"


def test_a_request_that_cannot_be_read_is_raised_and_never_submitted() -> None:
    server, recorder = FakeServer(None), Records()
    replies: list[Any] = []
    with pytest.raises(InvalidRequest):
        predict_endpoint(server, recorder).start(b"{", b"", (), replies.append, "id")
    assert replies == server.requests == []
    assert recorder.requests == [("InvalidRequest", 0, 0.0, 0.0, 0)]
