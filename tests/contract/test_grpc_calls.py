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
        result = call(client, "ModelInfer", infer(id="mine")).message
    assert (result.model_name, result.model_version, result.id) == ("doubler", "3", "mine")
    (output,) = result.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", "FP32", [2, 1])
    assert np.frombuffer(result.raw_output_contents[0], np.float32).tolist() == [3, -4]


def test_infer_accepts_typed_contents_too(replica):
    typed = {**INPUT, "contents": {"fp32_contents": [1.5, -2]}}
    with replica().connect() as client:
        result = call(client, "ModelInfer", infer(inputs=[typed], raw_input_contents=[])).message
    assert np.frombuffer(result.raw_output_contents[0], np.float32).tolist() == [3, -4]


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
            assert client.fetch(request(PREDICT, ONE)).status == 200
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
        one_rig = Call(client, "ModelInfer")
        one_rig.start()
        client.send(chunks)
        one_rig.end()
        one_rig.head()
        assert one_rig.rest().message.raw_output_contents == [raw]


REFUSALS = {
    "no message": (b"", Status.INVALID_ARGUMENT, "holds no message"),
    "cut": (infer()[:-1], Status.INVALID_ARGUMENT, "ends after"),
    "two messages": (infer() * 2, Status.INVALID_ARGUMENT, "one message"),
    "garbage": (frame(b"\xff\xff"), Status.INVALID_ARGUMENT, "not a valid inference.ModelInferRequest"),
    "a length without end": (b"\0\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED, "larger than the limit"),
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
        result = call(client, "ModelInfer", body)
        assert (result.status, result.messages) == (status, [])
        assert says.replace("%", "%25") in result.trailers["grpc-message"]
        assert call(client, "ModelInfer", infer()).status == Status.OK
    assert rig.by_fast_path


def test_an_unknown_compression_is_rejected_with_the_known_ones(replica):
    with replica().connect() as client:
        result = call(client, "ModelInfer", b"\1" + infer()[1:], grpc_encoding="snappy")
    assert result.status == Status.UNIMPLEMENTED
    assert result.trailers["grpc-accept-encoding"] == "identity,gzip,deflate"


def test_a_message_over_the_models_limit_is_rejected(replica):
    with replica(body=1000).connect() as client:
        big = infer(inputs=[{**INPUT, "shape": [500, 1]}], raw_input_contents=[bytes(2000)])
        assert call(client, "ModelInfer", big).status == Status.RESOURCE_EXHAUSTED
        assert call(client, "ModelInfer", infer()).status == Status.OK


@pytest.mark.parametrize("how", ["grpc-timeout", "parameter"])
def test_the_deadline_of_a_client_applies(replica, how):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    fields = {} if how == "grpc-timeout" else {"parameters": {"timeout": {"int64_param": 20_000}}}
    headers = {"grpc_timeout": "20m"} if how == "grpc-timeout" else {}
    with rig.connect() as client:
        result = call(client, "ModelInfer", infer(**fields), **headers)
    assert result.status == Status.DEADLINE_EXCEEDED
    assert "0.02 s" in result.trailers["grpc-message"]


def test_a_longer_deadline_than_the_models_is_the_models(replica):
    rig = replica(warmup=DEAR, timeout_s=0.05)
    rig.model.hold()
    with rig.connect() as client:
        assert call(client, "ModelInfer", infer(), grpc_timeout="1H").status == Status.DEADLINE_EXCEEDED


def test_an_invalid_timeout_is_rejected(replica):
    with replica().connect() as client:
        assert call(client, "ModelInfer", infer(), grpc_timeout="soon").status == Status.INVALID_ARGUMENT


def test_a_client_that_disconnects_cancels_its_call(replica):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as second:
        one_rig, two = Call(first, "ModelInfer"), Call(second, "ModelInfer")
        for each in (one_rig, two):
            each.start()
            each.send(infer())
            each.end()
            rig.model.entered() if each is one_rig else rig.http_server.until(lambda: rig.in_flight == 2)
        second.reset()
        rig.http_server.until(lambda: rig.in_flight == 1)
        rig.model.release()
        one_rig.head()
        assert one_rig.rest().status == Status.OK
    assert len(rig.model.calls) == 1


def test_calls_of_both_protocols_share_a_batch(replica):
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as grpc, rig.connect() as rest:
        first.send(request(PREDICT, ONE))
        rig.model.entered()
        one_rig = Call(grpc, "ModelInfer")
        one_rig.start()
        one_rig.send(infer())
        one_rig.end()
        rest.send(request(PREDICT, ONE))
        rig.http_server.until(lambda: rig.in_flight == 3)
        rig.model.release()
        one_rig.head()
        assert one_rig.rest().status == Status.OK
        assert rest.read().status == first.read().status == 200
    assert rig.model.batches == [1, 3]


def test_the_text_of_a_models_exception_is_not_sent_to_clients(replica):
    def fail(inputs: object) -> dict[str, object]:
        raise ValueError("the password is 1234")

    with replica(FakeModel(fail)).connect() as client:
        result = call(client, "ModelInfer", infer())
    assert result.status == Status.INTERNAL
    assert "1234" not in result.trailers["grpc-message"]


def test_a_models_metadata_and_configuration_are_returned(replica):
    with replica().connect() as client:
        about = call(client, "ModelMetadata", framed("ModelMetadata", name="doubler")).message
        config = call(client, "ModelConfig", framed("ModelConfig", name="doubler", version="3")).message.config
        missing = call(client, "ModelReady", framed("ModelReady", name="doubler", version="7"))
    assert (about.name, list(about.versions), about.platform) == ("doubler", ["3"], "onnxruntime_onnx")
    assert [(each.name, each.datatype, list(each.shape)) for each in about.inputs] == [("x", "FP32", [-1, 1])]
    assert (config.name, config.backend, config.max_batch_size) == ("doubler", "onnxruntime", 64)
    assert [(each.name, list(each.dims)) for each in config.input] == [("x", [1])]
    assert missing.status == Status.NOT_FOUND
