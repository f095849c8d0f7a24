"""WebSocket messages: requests, responses, and invalid messages."""

import struct
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.errors import InvalidRequest
from modelyard.inference.pending_request import InferResponse
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.tensors import from_raw, to_raw
from modelyard.protocols.predict.codec import PredictCodec, PredictRequest
from modelyard.protocols.websocket.operations import BinaryOperation, TextOperation
from modelyard.tensors import DTYPES, FREE, Array, Signature, Tensors, TensorSpec
from tests.unit.protocols.mutations import mutated, read_or_rejected
from tests.unit.protocols.samples import IRIS, equal

FEW = settings(max_examples=60)
MANY = settings(max_examples=70)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


class Socket:
    """Decodes and encodes as a session does."""

    def __init__(self, signature: Signature) -> None:
        self._text = TextOperation(PredictCodec("m", 1, signature), probabilities=False)
        self._binary = BinaryOperation(InferCodec("m", 1, signature))

    def decode(self, message: str | bytes) -> Any:
        if isinstance(message, str):
            return self._text.decode(message.encode(), b"", ())
        return self._binary.decode(message, b"", ())

    def encode(self, call: Any, outputs: Tensors) -> str | bytes:
        return (self._text if isinstance(call, PredictRequest) else self._binary).encode(call, outputs)


def same_both_ways(datatype: str, shape: tuple[int, ...]) -> Signature:
    declared = (FREE, *shape[1:])
    return Signature((TensorSpec("x", datatype, declared),), (TensorSpec("y", datatype, declared),))


def binary(array: Array, datatype: str, *, wanted: bool = True, request_id: str = "") -> bytes:
    raw = to_raw(array)
    head = {"name": "x", "datatype": datatype, "shape": array.shape, "parameters": {"binary_data_size": len(raw)}}
    text = orjson.dumps({"id": request_id, "inputs": [head], "parameters": {"binary_data_output": wanted}})
    return struct.pack("<I", len(text)) + text + raw


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, Array]:
    datatype = draw(st.sampled_from(list(DTYPES)))
    shape = draw(arrays.array_shapes(min_dims=1, max_dims=3, max_side=3))
    if datatype == "BYTES":
        return datatype, draw(arrays.arrays(object, shape, elements=TEXTS, fill=st.nothing()))
    elements = arrays.from_dtype(DTYPES[datatype], allow_infinity=False, allow_nan=False)
    return datatype, draw(arrays.arrays(DTYPES[datatype], shape, elements=elements))


@FEW
@given(tensors(), TEXTS)
def test_a_binary_message_and_its_response_hold_the_same_tensor(case: tuple[str, Array], request_id: str) -> None:
    datatype, array = case
    one = Socket(same_both_ways(datatype, array.shape))
    call = one.decode(binary(array, datatype, request_id=request_id))
    assert equal(call.request.inputs["x"], array)
    response = one.encode(call, {"y": array})
    assert isinstance(response, bytes)
    (length,) = struct.unpack_from("<I", response)
    document, raw = orjson.loads(response[4 : 4 + length]), response[4 + length :]
    (output,) = document["outputs"]
    assert document.get("id", "") == request_id
    assert equal(from_raw("y", output["datatype"], output["shape"], raw), array)


@FEW
@given(arrays.arrays(np.float32, (2, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_text_and_its_response_hold_the_same_rows(array: Array) -> None:
    one = Socket(same_both_ways("FP32", (2, 4)))
    call = one.decode(orjson.dumps({"inputs": {"x": array}}, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    assert equal(call.request.inputs["x"], array)
    response = one.encode(call, {"y": array})
    assert isinstance(response, str)
    document = orjson.loads(response)
    assert np.array_equal(np.array(document["predictions"], np.float32), array)


IRISES = [
    binary(np.ones((1, 4), np.float32), "FP32"),
    binary(np.zeros((3, 4), np.float32), "FP32", wanted=False, request_id="seven"),
]


@MANY
@given(mutated(IRISES))
def test_a_changed_binary_message_is_read_or_rejected(message: bytes) -> None:
    one = Socket(IRIS)

    def read() -> None:
        call = one.decode(message)
        assert call.request.inputs["X"].shape == (call.request.rows, 4)

    read_or_rejected(read, len(message), factor=20)


@MANY
@given(mutated([b'{"instances": [[1, 2, 3, 4]]}', b'{"inputs": {"X": [[1, 2, 3, 4]]}, "probabilities": true}']))
def test_a_changed_text_is_read_or_rejected(message: bytes) -> None:
    text = message.decode("utf-8", "replace")
    one = Socket(IRIS)
    read_or_rejected(lambda: one.decode(text), len(message), factor=100)


@pytest.mark.parametrize("length", range(4))
def test_a_message_that_ends_in_its_length_is_rejected(length: int) -> None:
    with pytest.raises(InvalidRequest, match=f"expected 4 bytes with the length of the JSON, got {length}"):
        Socket(IRIS).decode(bytes(length))


def test_a_text_is_a_predict_request_with_the_probabilities_of_its_socket() -> None:
    body, outputs = b'{"instances": [[1, 2, 3, 4]]}', {"label": np.array(["setosa"], object)}
    outputs["scores"] = np.array([[0.5, 0.25, 0.25]], np.float32)
    for wanted in (False, True):
        operation = TextOperation(PredictCodec("m", 1, IRIS), probabilities=wanted)
        response = operation.respond(operation.decode(body, b"", ()), InferResponse(outputs, 1, 0.0, 0.0))
        assert isinstance(response, str)
        assert ("probabilities" in orjson.loads(response)) is wanted
        job = operation.job(body, b"", ())
        assert (job.method, job.body, job.args) == ("predict.decode", body, (b"application/json",))
        assert job.kwargs == {"probabilities": wanted}


def test_a_binary_response_begins_with_the_length_of_its_json() -> None:
    operation = BinaryOperation(InferCodec("m", 1, same_both_ways("INT8", (1,))))
    for wanted, raw in ((True, b"\x05"), (False, b"")):
        message = binary(np.array([5], np.int8), "INT8", wanted=wanted)
        decoded = operation.decode(message, b"", ())
        response = operation.respond(decoded, InferResponse({"y": np.array([5], np.int8)}, 1, 0.0, 0.0))
        assert isinstance(response, bytes)
        (length,) = struct.unpack_from("<I", response)
        assert orjson.loads(response[4 : 4 + length])["outputs"][0]["name"] == "y"
        assert response[4 + length :] == raw
        job = operation.job(message, b"", ())
        (sent,) = struct.unpack_from("<I", message)
        assert (job.method, job.body, job.args) == ("infer.decode", message[4:], (b"%d" % sent,))
        assert job.raw_bytes == 1


def test_a_message_of_four_bytes_has_a_length_and_one_of_three_has_none() -> None:
    operation = BinaryOperation(InferCodec("m", 1, same_both_ways("INT8", (1,))))
    with pytest.raises(InvalidRequest, match="expected 4 bytes with the length of the JSON, got 3"):
        operation.decode(bytes(3), b"", ())
    with pytest.raises(InvalidRequest, match="expected at least one row, got none"):
        operation.decode(bytes(4), b"", ())
