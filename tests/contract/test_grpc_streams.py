"""gRPC on the fast path of a replica: `ModelStreamInfer`."""

import asyncio
import threading

import numpy as np
import pytest

from modelyard.errors import ModelNotFound
from modelyard.protocols.grpc.status import Status
from modelyard.protocols.grpc.stream_call import MAX_OPEN_REQUESTS
from tests.contract.client import request
from tests.contract.grpc_call import METHODS, Call, framed
from tests.contract.grpc_call import call as grpc_call
from tests.contract.http_server import HttpServer
from tests.contract.replica import DEAR, ONE, PREDICT
from tests.fakes import FakeGenerator


@pytest.fixture
def way() -> str:
    """gRPC only takes the fast path."""
    return "fast path"


def request_message(*values: float, **fields: object) -> bytes:
    raw = np.array(values, np.float32).tobytes()
    tensor = {"name": "x", "datatype": "FP32", "shape": [len(values), 1]}
    fields = {"model_name": "doubler", "inputs": [tensor], "raw_input_contents": [raw], **fields}
    return framed("ModelInfer", **fields)


def opened(client, **headers: str) -> Call:
    call = Call(client, "ModelStreamInfer", headers)
    call.start()
    assert "grpc-status" not in call.head(), "the stream is open before the first request"
    return call


def values(response) -> list[float]:
    return np.frombuffer(response.infer_response.raw_output_contents[0], np.float32).tolist()


def test_each_message_is_answered_when_it_arrives(replica):
    with (rig := replica()).connect() as client:
        call = opened(client)
        for value in (1.5, -2, 7):
            call.send(request_message(value, id=f"q{value}"))
            result = call.read()
            assert (values(result), result.infer_response.id, result.error_message) == ([2 * value], f"q{value}", "")
        call.end()
        assert call.rest().trailers == {"grpc-status": "0"}
        assert client.fetch(request(PREDICT, ONE)).status == 200, "the connection lives on"
    assert rig.by_fast_path


def test_many_messages_in_one_chunk_are_answered_in_order(replica):
    count = 3 * MAX_OPEN_REQUESTS
    with replica(queue=1000).connect() as client:
        call = opened(client)
        call.send(b"".join(request_message(value) for value in range(count)))
        call.end()
        result = call.rest()
    assert result.status == Status.OK
    assert [values(each) for each in result.messages] == [[2.0 * value] for value in range(count)]


def test_requests_are_found_in_chunks_of_one_byte(replica):
    body = request_message(1) + request_message(2)
    with replica().connect() as client:
        call = opened(client)
        call.send(*(body[at : at + 1] for at in range(len(body))))
        call.end()
        assert [values(each) for each in call.rest().messages] == [[2.0], [4.0]]


def test_an_invalid_request_leaves_the_stream_open(replica):
    with replica().connect() as client:
        call = opened(client)
        call.send(
            request_message(1),
            request_message(2, model_version="7", id="bad"),
            request_message(3, model_name="tripler"),
            request_message(4, raw_input_contents=[b""]),
        )
        call.send(request_message(5))
        call.end()
        result = call.rest()
    first, *bad, last = result.messages
    assert (values(first), values(last), result.status) == ([2.0], [10.0], Status.OK)
    assert [
        "served: 3" in bad[0].error_message,
        "no other model" in bad[1].error_message,
        "got 0" in bad[2].error_message,
    ]
    assert bad[0].infer_response.id == "bad"


class Others:
    """A gateway that responds for other models when the test releases it."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        """The model and the id of each request."""
        self.cancelled = 0
        self.go = threading.Event()
        self.error: Exception | None = None

    async def __call__(self, path: bytes, message: bytes, request_id: str) -> bytes:
        assert path == METHODS["ModelInfer"].path
        request_sent = METHODS["ModelInfer"].request.FromString(message)
        self.received.append((request_sent.model_name, request_sent.id))
        try:
            while not self.go.is_set():
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        result: bytes = (
            METHODS["ModelInfer"].response(model_name=request_sent.model_name, id=request_sent.id).SerializeToString()
        )
        return result


def test_a_stream_may_use_other_models_and_responses_keep_their_order(replica):
    with (rig := replica(others=(others := Others()))).connect() as client:
        call = opened(client)
        call.send(
            request_message(1, id="a"),
            request_message(2, id="b", model_name="tripler"),
            request_message(3, id="c"),
            request_message(4, id="d", model_name="halver"),
        )
        assert call.read().infer_response.id == "a"
        rig.http_server.until(lambda: len(others.received) == 2)
        others.go.set()
        call.end()
        result = call.rest()
    assert others.received == [("tripler", "b"), ("halver", "d")]
    assert [(each.infer_response.model_name, each.infer_response.id) for each in result.messages] == [
        ("tripler", "b"),
        ("doubler", "c"),
        ("halver", "d"),
    ]
    assert result.status == Status.OK


def test_another_models_error_is_in_the_stream_which_continues(replica):
    others = Others()
    others.error = ModelNotFound("there is no model 'tripler'; did you mean 'doubler'?")
    others.go.set()
    with replica(others=others).connect() as client:
        call = opened(client)
        call.send(request_message(1, id="bad", model_name="tripler"), request_message(2))
        call.end()
        bad, good = call.rest().messages
    assert ("did you mean 'doubler'" in bad.error_message, bad.infer_response.id) == (True, "bad")
    assert values(good) == [4.0]


@pytest.mark.parametrize("how", ["deadline", "reset"])
def test_a_question_to_another_model_is_given_up_with_its_stream(replica, how):
    with (rig := replica(others=(others := Others()))).connect() as client:
        call = opened(client, **({"grpc-timeout": "50m"} if how == "deadline" else {}))
        call.send(request_message(1, model_name="tripler"))
        rig.http_server.until(lambda: others.received)
        if how == "deadline":
            assert call.rest().status == Status.DEADLINE_EXCEEDED
        else:
            client.reset()
        rig.http_server.until(lambda: others.cancelled)


@pytest.mark.parametrize(
    ("tail", "status", "says"),
    [
        (request_message(2)[:-1], Status.INVALID_ARGUMENT, "middle of a message"),
        (b"\7\0\0\0\0", Status.INVALID_ARGUMENT, "must be 0 or 1, got 7"),
        (b"\0\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED, "larger than the limit"),
        (b"\0\0\0\0\2\xff\xff", Status.INVALID_ARGUMENT, "not a valid inference.ModelInferRequest"),
        (b"\1" + request_message(2)[1:], Status.INVALID_ARGUMENT, "names no compression"),
    ],
)
def test_an_invalid_message_ends_the_stream_after_the_responses_before_it(replica, tail, status, says):
    with replica().connect() as client:
        call = opened(client)
        call.send(request_message(1), tail)
        call.end()
        result = call.rest()
    assert [values(each) for each in result.messages] == [[2.0]]
    assert (result.status, says in result.trailers["grpc-message"]) == (status, True)


def test_a_broken_stream_that_continues_to_send_is_closed(replica):
    with replica().connect() as client:
        call = opened(client)
        call.send(b"\7bad", b"more")
        assert call.rest().status == Status.INVALID_ARGUMENT
        assert client.at_end()


def test_an_empty_stream_is_fine(replica):
    with replica().connect() as client:
        call = opened(client)
        call.end()
        assert call.rest().status == Status.OK


def test_a_stream_has_no_more_open_requests_than_its_limit(replica):
    rig = replica(warmup=DEAR, queue=1000)
    rig.model.hold()
    with rig.connect() as client:
        call = opened(client)
        call.send(b"".join(request_message(value) for value in range(2 * MAX_OPEN_REQUESTS)))
        call.end()
        rig.http_server.until(lambda: rig.in_flight == MAX_OPEN_REQUESTS)
        rig.model.release()
        assert len(call.rest().messages) == 2 * MAX_OPEN_REQUESTS


def test_a_client_that_disconnects_cancels_its_requests(replica):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as client:
        call = opened(client)
        call.send(request_message(1))
        rig.model.entered()
        call.send(request_message(2))
        rig.http_server.until(lambda: rig.in_flight == 2)
        client.reset()
        rig.http_server.until(lambda: rig.in_flight == 0)
    rig.model.release()
    assert len(rig.model.calls) == 1


def test_a_streams_deadline_ends_it(replica):
    with replica().connect() as client:
        call = opened(client, **{"grpc-timeout": "30m"})
        call.send(request_message(1))
        result = call.rest()
    assert ([values(each) for each in result.messages], result.status) == ([[2.0]], Status.DEADLINE_EXCEEDED)


def test_a_stopping_replica_ends_its_streams_after_their_responses(replica):
    http_server = HttpServer()
    rig = replica(warmup=DEAR, http_server=http_server)
    rig.model.hold()
    with rig.connect() as client:
        call = opened(client)
        call.send(request_message(1))
        rig.model.entered()
        http_server.begin_to_stop()
        rig.model.release()
        result = call.rest()
    assert [values(each) for each in result.messages] == [[2.0]]
    assert result.status == Status.UNAVAILABLE
    http_server.stop()


def test_a_client_that_does_not_read_is_not_read_from(replica):
    rows, count = 2000, 400
    rig = replica(queue=1000)
    with rig.connect() as client:
        call = opened(client)
        question = request_message(*range(rows))
        sent = 0
        client.socket.settimeout(0.2)
        try:
            for _ in range(count):
                call.send(question)
                sent += 1
        except TimeoutError:
            pass
        assert sent < count, "the server took everything"
        assert rig.in_flight <= MAX_OPEN_REQUESTS


def test_a_model_that_generates_sends_a_response_for_each_part(replica):
    with (rig := replica(FakeGenerator(3))).connect() as client:
        call = opened(client)
        call.send(request_message(1, id="a"), request_message(10, id="b"))
        call.end()
        result = call.rest()
    assert result.status == Status.OK
    assert [(each.infer_response.id, values(each)) for each in result.messages] == [
        *(("a", [value]) for value in (2.0, 4.0, 6.0)),
        *(("b", [value]) for value in (20.0, 40.0, 60.0)),
    ]
    assert rig.version.counts.codes["grpc"]["ok"] == 2


def opened_as_mlserver(client) -> Call:
    call = Call(client, "ModelStreamInfer", {"modelyard-stream-form": "mlserver"}, METHODS["ModelInfer"].response)
    call.start()
    call.head()
    return call


def outputs(response) -> list[float]:
    return np.frombuffer(response.raw_output_contents[0], np.float32).tolist()


@pytest.mark.parametrize("generates", [False, True])
def test_mlservers_clients_get_responses_without_an_envelope(replica, generates):
    with replica(FakeGenerator(2) if generates else None).connect() as client:
        call = opened_as_mlserver(client)
        call.send(request_message(1, id="a"))
        call.end()
        result = call.rest()
    assert result.status == Status.OK
    parts = [2.0, 4.0] if generates else [2.0]
    assert [(each.model_name, each.id, outputs(each)) for each in result.messages] == [
        ("doubler", "a", [part]) for part in parts
    ]


def test_another_models_response_has_no_envelope_for_mlservers_clients(replica):
    others = Others()
    others.go.set()
    with replica(others=others).connect() as client:
        call = opened_as_mlserver(client)
        call.send(request_message(1, model_name="tripler"))
        call.end()
        [result] = call.rest().messages
    assert result.model_name == "tripler"


def test_an_error_ends_the_stream_of_mlservers_clients(replica):
    with replica().connect() as client:
        call = opened_as_mlserver(client)
        call.send(request_message(1))
        assert outputs(call.read()) == [2.0]
        call.send(request_message(1, inputs=[]))
        result = call.rest()
    assert (result.messages, result.status) == ([], Status.INVALID_ARGUMENT)
    assert "raw_input_contents" in result.trailers["grpc-message"]


def test_a_client_may_request_an_empty_final_response(replica):
    wanted = {"triton_enable_empty_final_response": {"bool_param": True}}
    with replica(FakeGenerator(2)).connect() as client:
        call = opened(client)
        call.send(request_message(1, parameters=wanted))
        call.end()
        *parts, last = [each.infer_response for each in call.rest().messages]
    assert [("triton_final_response" in part.parameters, len(part.outputs)) for part in parts] == [(False, 1)] * 2
    assert (last.parameters["triton_final_response"].bool_param, len(last.outputs)) == (True, 0)


def test_a_failure_after_some_parts_is_reported_and_the_stream_stays_open(replica):
    def once(inputs):
        if inputs["x"][0, 0] > 1:
            raise ValueError("internals")
        return {"y": inputs["x"]}

    with replica(FakeGenerator(call=once)).connect() as client:
        call = opened(client)
        call.send(request_message(1, id="a"), request_message(0))
        first, failed, *others = [call.read() for _ in range(5)]
        assert (values(first), failed.infer_response.id, "internals" in failed.error_message) == ([1.0], "a", False)
        assert [values(each) for each in others] == [[0.0]] * 3
        call.end()
        assert call.rest().status == Status.OK


def test_a_generating_call_that_is_cancelled_ends_within_a_step(replica):
    rig = replica(FakeGenerator(10**9))
    with rig.connect() as client:
        call = opened(client)
        call.send(request_message(1))
        call.read()
        client.reset()
    rig.http_server.until(lambda: rig.in_flight == 0 and len(rig.model.ended) == 1)


def test_a_client_that_does_not_read_its_parts_pauses_the_model(replica):
    rig = replica(FakeGenerator(10**9))
    with rig.connect() as client:
        call = opened(client)
        call.send(request_message(*[1.5] * 20_000))
        connection = rig.http_server.connection(client.port)
        rig.http_server.until(lambda: connection.flow.write_paused)
        calls = len(rig.model.calls)
        rig.fetch(request(PREDICT, ONE))
        assert len(rig.model.calls) <= calls + 2
        for _ in range(calls + 5):
            assert call.read() is not None, "it goes on"


def test_a_unary_call_of_a_model_that_generates_returns_the_whole_output(replica):
    with replica(FakeGenerator(3)).connect() as client:
        result = grpc_call(client, "ModelInfer", request_message(1))
    assert np.frombuffer(result.message.raw_output_contents[0], np.float32).tolist() == [2.0]
