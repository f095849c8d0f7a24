"""gRPC on the fast path of a replica: calls of one message."""

import gzip
import struct

import numpy as np
import pytest

from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.status import Status
from tests.contract.client import request
from tests.contract.grpc_call import Call, call, framed
from tests.contract.replica import DEAR, ONE, PREDICT
from tests.fakes import FakeModel

INPUT = {"name": "x", "datatype": "FP32", "shape": [2, 1]}
RAW = np.array([1.5, -2], np.float32).tobytes()


@pytest.fixture
def way() -> str:
    """gRPC only takes the fast path."""
    return "fast path"


def infer(**fields: object) -> bytes:
    return framed("ModelInfer", **{"model_name": "doubler", "inputs": [INPUT], "raw_input_contents": [RAW], **fields})


def test_infer_gives_raw_contents_for_raw_contents(replica):
    with replica().connect() as client:
        told = call(client, "ModelInfer", infer(id="mine")).message
    assert (told.model_name, told.model_version, told.id) == ("doubler", "3", "mine")
    (output,) = told.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", "FP32", [2, 1])
    assert np.frombuffer(told.raw_output_contents[0], np.float32).tolist() == [3, -4]


def test_infer_takes_typed_contents_too(replica):
    typed = {**INPUT, "contents": {"fp32_contents": [1.5, -2]}}
    with replica().connect() as client:
        told = call(client, "ModelInfer", infer(inputs=[typed], raw_input_contents=[])).message
    assert np.frombuffer(told.raw_output_contents[0], np.float32).tolist() == [3, -4]


@pytest.mark.parametrize("version", ["", "3"])
def test_a_version_may_be_named(replica, version):
    with replica().connect() as client:
        assert call(client, "ModelInfer", infer(model_version=version)).message.model_version == "3"


def test_a_compressed_message_is_read(replica):
    squeezed = gzip.compress(infer()[5:])
    with replica().connect() as client:
        packed = struct.pack(">BI", 1, len(squeezed)) + squeezed
        assert call(client, "ModelInfer", packed, grpc_encoding="gzip").status == Status.OK


def test_one_connection_carries_many_calls_and_other_protocols(replica):
    with (rig := replica()).connect() as client:
        for _ in range(3):
            assert call(client, "ModelInfer", infer()).status == Status.OK
            assert client.ask(request(PREDICT, ONE)).status == 200
            assert call(client, "ModelInfer", b"").status == Status.INVALID_ARGUMENT
            assert call(client, "ModelReady", framed("ModelReady", name="doubler")).message.ready
    assert rig.by_fast_path


def test_a_message_is_read_whatever_pieces_it_comes_in(replica):
    body = infer()
    with replica().connect() as client:
        for at in range(1, len(body)):
            assert call(client, "ModelInfer", [body[:at], body[at:]]).status == Status.OK


def test_65537_chunks_of_one_byte_are_one_message(replica):
    rows = 65_537 // 4
    raw = bytes(rows * 4)
    body = infer(inputs=[{**INPUT, "shape": [rows, 1]}], raw_input_contents=[raw])
    chunks = b"".join(b"1\r\n%b\r\n" % body[at : at + 1] for at in range(len(body)))
    with replica().connect() as client:
        one = Call(client, "ModelInfer")
        one.start()
        client.send(chunks)
        one.end()
        one.head()
        assert one.rest().message.raw_output_contents == [raw]


REFUSALS = {
    "no message": (b"", Status.INVALID_ARGUMENT, "holds no message"),
    "cut": (infer()[:-1], Status.INVALID_ARGUMENT, "ends after"),
    "two messages": (infer() * 2, Status.INVALID_ARGUMENT, "one message"),
    "garbage": (frame(b"\xff\xff"), Status.INVALID_ARGUMENT, "not a valid inference.ModelInferRequest"),
    "a length without end": (b"\0\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED, "more than"),
    "another model": (infer(model_name="tripler"), Status.NOT_FOUND, "'tripler'"),
    "another version": (infer(model_version="7"), Status.NOT_FOUND, "served: 3"),
    "an odd version": (infer(model_version="one"), Status.NOT_FOUND, "served: 3"),
    "no inputs": (infer(inputs=[], raw_input_contents=[]), Status.INVALID_ARGUMENT, "missing input 'x'"),
    "input twice": (infer(inputs=[INPUT] * 2, raw_input_contents=[RAW] * 2), Status.INVALID_ARGUMENT, "duplicate"),
    "raw missing": (
        infer(inputs=[INPUT] * 2),
        Status.INVALID_ARGUMENT,
        "as many raw_input_contents as inputs, 2, got 1",
    ),
    "name": (
        infer(inputs=[INPUT, {**INPUT, "name": "X"}], raw_input_contents=[b"\0" * 8] * 2),
        Status.INVALID_ARGUMENT,
        "unknown input 'X'",
    ),
    "datatype": (infer(inputs=[{**INPUT, "datatype": "BYTES"}]), Status.INVALID_ARGUMENT, "expected FP32"),
    "unknown datatype": (infer(inputs=[{**INPUT, "datatype": "FP8"}]), Status.INVALID_ARGUMENT, "unknown datatype"),
    "shape": (infer(inputs=[{**INPUT, "shape": [1, 2]}]), Status.INVALID_ARGUMENT, "expected shape [-1, 1]"),
    "negative": (
        infer(inputs=[{**INPUT, "shape": [-1, 1]}]),
        Status.INVALID_ARGUMENT,
        "the axes of a request must not be negative",
    ),
    "overflow": (infer(inputs=[{**INPUT, "shape": [2**63 - 1, 1]}]), Status.INVALID_ARGUMENT, "bytes, got 8"),
    "axes": (infer(inputs=[{**INPUT, "shape": [1] * 5000}]), Status.INVALID_ARGUMENT, "..."),
    "no rows": (
        infer(inputs=[{**INPUT, "shape": [0, 1]}], raw_input_contents=[b""]),
        Status.INVALID_ARGUMENT,
        "at least one row",
    ),
    "bytes": (infer(raw_input_contents=[RAW[:-1]]), Status.INVALID_ARGUMENT, "needs 8 bytes, got 7"),
    "output": (infer(outputs=[{"name": "z"}]), Status.INVALID_ARGUMENT, "unknown output 'z'"),
    "output twice": (infer(outputs=[{"name": "y"}] * 2), Status.INVALID_ARGUMENT, "duplicate"),
    "shared memory": (
        infer(inputs=[{**INPUT, "parameters": {"shared_memory_region": {"string_param": "r"}}}]),
        Status.INVALID_ARGUMENT,
        "shared memory is not supported",
    ),
    "both contents": (
        infer(inputs=[{**INPUT, "contents": {"fp32_contents": [1, 2]}}]),
        Status.INVALID_ARGUMENT,
        "both contents and raw",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_call_that_is_wrong_gets_its_status_and_leaves_the_connection_usable(replica, case):
    body, status, says = REFUSALS[case]
    with (rig := replica()).connect() as client:
        told = call(client, "ModelInfer", body)
        assert (told.status, told.messages) == (status, [])
        assert says.replace("%", "%25") in told.trailers["grpc-message"]
        assert call(client, "ModelInfer", infer()).status == Status.OK
    assert rig.by_fast_path


def test_an_unknown_compression_is_told_the_known_ones(replica):
    with replica().connect() as client:
        told = call(client, "ModelInfer", b"\1" + infer()[1:], grpc_encoding="snappy")
    assert told.status == Status.UNIMPLEMENTED
    assert told.trailers["grpc-accept-encoding"] == "identity,gzip,deflate"


def test_a_message_over_the_models_limit_is_refused(replica):
    with replica(body=1000).connect() as client:
        big = infer(inputs=[{**INPUT, "shape": [500, 1]}], raw_input_contents=[bytes(2000)])
        assert call(client, "ModelInfer", big).status == Status.RESOURCE_EXHAUSTED
        assert call(client, "ModelInfer", infer()).status == Status.OK


@pytest.mark.parametrize("how", ["grpc-timeout", "parameter"])
def test_a_clients_own_deadline_holds(replica, how):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    fields = {} if how == "grpc-timeout" else {"parameters": {"timeout": {"int64_param": 20_000}}}
    headers = {"grpc_timeout": "20m"} if how == "grpc-timeout" else {}
    with rig.connect() as client:
        told = call(client, "ModelInfer", infer(**fields), **headers)
    assert told.status == Status.DEADLINE_EXCEEDED
    assert "0.02 s" in told.trailers["grpc-message"]


def test_a_longer_deadline_than_the_models_is_the_models(replica):
    rig = replica(warmup=DEAR, timeout_s=0.05)
    rig.model.hold()
    with rig.connect() as client:
        assert call(client, "ModelInfer", infer(), grpc_timeout="1H").status == Status.DEADLINE_EXCEEDED


def test_a_timeout_that_is_none_is_refused(replica):
    with replica().connect() as client:
        assert call(client, "ModelInfer", infer(), grpc_timeout="soon").status == Status.INVALID_ARGUMENT


def test_a_client_that_leaves_takes_its_call_along(replica):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as second:
        one, two = Call(first, "ModelInfer"), Call(second, "ModelInfer")
        for each in (one, two):
            each.start()
            each.send(infer())
            each.end()
            rig.model.entered() if each is one else rig.front.until(lambda: rig.in_flight == 2)
        second.reset()
        rig.front.until(lambda: rig.in_flight == 1)
        rig.model.release()
        one.head()
        assert one.rest().status == Status.OK
    assert len(rig.model.calls) == 1


def test_calls_of_both_protocols_share_a_batch(replica):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as grpc, rig.connect() as rest:
        first.send(request(PREDICT, ONE))
        rig.model.entered()
        one = Call(grpc, "ModelInfer")
        one.start()
        one.send(infer())
        one.end()
        rest.send(request(PREDICT, ONE))
        rig.front.until(lambda: rig.in_flight == 3)
        rig.model.release()
        one.head()
        assert one.rest().status == Status.OK
        assert rest.read().status == first.read().status == 200
    assert rig.model.batches == [1, 3]


def test_a_model_that_fails_is_told_without_its_words(replica):
    def fail(inputs: object) -> dict[str, object]:
        raise ValueError("the password is 1234")

    with replica(FakeModel(fail)).connect() as client:
        told = call(client, "ModelInfer", infer())
    assert told.status == Status.INTERNAL
    assert "1234" not in told.trailers["grpc-message"]


def test_what_a_model_is_can_be_asked(replica):
    with replica().connect() as client:
        about = call(client, "ModelMetadata", framed("ModelMetadata", name="doubler")).message
        config = call(client, "ModelConfig", framed("ModelConfig", name="doubler", version="3")).message.config
        missing = call(client, "ModelReady", framed("ModelReady", name="doubler", version="7"))
    assert (about.name, list(about.versions), about.platform) == ("doubler", ["3"], "onnxruntime_onnx")
    assert [(each.name, each.datatype, list(each.shape)) for each in about.inputs] == [("x", "FP32", [-1, 1])]
    assert (config.name, config.backend, config.max_batch_size) == ("doubler", "onnxruntime", 64)
    assert [(each.name, list(each.dims)) for each in config.input] == [("x", [1])]
    assert missing.status == Status.NOT_FOUND
