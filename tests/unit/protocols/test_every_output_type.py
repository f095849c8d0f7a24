"""Outputs of every datatype are written in every format, for each of numpy's equivalent dtypes, alone and with other outputs."""

import csv
import io
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from modelyard.errors import NotAcceptable
from modelyard.protocols.grpc.codec import GrpcInferCodec, GrpcRequest
from modelyard.protocols.grpc.messages import ModelInferResponse
from modelyard.protocols.oip.codec import InferCodec, OipRequest
from modelyard.protocols.oip.document import RequestedOutput
from modelyard.protocols.oip.generate import GenerateCodec
from modelyard.protocols.oip.tensors import from_raw
from modelyard.protocols.predict.codec import InvocationsCodec, PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import DTYPES, FREE, Array, InferRequest, Signature, Tensors, TensorSpec, datatype_of
from tests.unit.protocols.samples import texts

VALUES: dict[str, Array] = {
    **{name: np.array([1, 100, 3], dtype) for name, dtype in DTYPES.items() if dtype.kind in "iu"},
    **{name: np.array([0.5, -0.25, 3], dtype) for name, dtype in DTYPES.items() if dtype.kind == "f"},
    "BOOL": np.array([True, False, True]),
    "BYTES": texts("a", "ß", "c"),
    "longlong": np.array([1, -(2**63), 2**53 + 1], np.longlong),
    "ulonglong": np.array([1, 2**64 - 1, 2**53 + 1], np.ulonglong),
    "big-endian": np.array([1, -2, 3], ">i8"),
    "big-endian floats": np.array([0.5, -2, 3], ">f4"),
}
SHAPES = {"N": (3,), "N,1": (3, 1), "N,k": (1, 3), "strided": (3, 1)}
EVERY = [pytest.param(VALUES[kind], SHAPES[form], id=f"{kind}-{form}") for kind in VALUES for form in SHAPES]
BESIDE = TensorSpec("other", "INT64", (FREE,))


def shaped(values: Array, shape: tuple[int, ...], strided: bool = False) -> Array:
    return np.repeat(values, 2).reshape(-1, 2)[:, 1].reshape(shape) if strided else values.reshape(shape)


def case(array: Array, among: bool) -> tuple[Signature, Tensors]:
    """A model with this output, and possibly another one of C's long long."""
    spec = TensorSpec("y", datatype_of(array.dtype), (FREE,) * min(array.ndim, 1) + array.shape[1:])
    outputs = {"y": array, **({"other": np.arange(len(array), dtype=np.longlong)} if among else {})}
    return Signature((TensorSpec("x", "FP32", (FREE,)),), (spec, BESIDE) if among else (spec,)), outputs


def expected(array: Array) -> Any:
    return array.tolist() if array.dtype.kind == "O" else array.astype(array.dtype.newbyteorder("=")).tolist()


def rows_body(rows: int) -> bytes:
    return orjson.dumps({"instances": [1] * rows})


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among others"])
@pytest.mark.parametrize(("values", "shape"), EVERY)
def test_json_holds_them(values: Array, shape: tuple[int, ...], among: bool) -> None:
    array = shaped(values, shape, strided=True)
    signature, outputs = case(array, among)
    body, wanted = rows_body(len(array)), expected(array)
    if among:
        wanted = [{"y": row, "other": index} for index, row in enumerate(wanted)]
    predict, invoked, tf = (
        PredictCodec("m", 1, signature),
        InvocationsCodec("m", 1, signature),
        TensorflowCodec(signature),
    )
    assert orjson.loads(predict.encode(predict.decode(body, b""), outputs))["predictions"] == wanted
    assert orjson.loads(invoked.encode(invoked.decode(body, b""), outputs))["predictions"] == wanted
    assert orjson.loads(tf.encode(tf.predict(body), outputs))["predictions"] == wanted


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among others"])
@pytest.mark.parametrize(("values", "shape"), EVERY)
def test_the_open_inference_protocol_holds_them(values: Array, shape: tuple[int, ...], among: bool) -> None:
    array = shaped(values, shape, strided=True)
    signature, outputs = case(array, among)
    request = InferRequest({}, len(array), tuple(outputs))
    rest = InferCodec("m", 1, signature)
    flat = expected(array.reshape(-1))
    for binary in (False, True):
        requested_outputs = [RequestedOutput(name, binary) for name in outputs]
        response = rest.encode(OipRequest(request, "", requested_outputs), outputs)
        head, *_ = orjson.loads(response.body[: response.json_length])["outputs"]
        assert (head["datatype"], head["shape"]) == (datatype_of(array.dtype), [*array.shape])
        if not binary:
            assert head["data"] == flat
            continue
        size = head["parameters"]["binary_data_size"]
        start = response.json_length or 0
        assert expected(from_raw("y", head["datatype"], head["shape"], response.body[start : start + size])) == (
            expected(array)
        )
    codec = GrpcInferCodec("m", 1, signature)
    sent = ModelInferResponse.FromString(codec.encode_bytes(GrpcRequest(request, "", {}, None, False), outputs))
    tensor, raw = sent.outputs[0], sent.raw_output_contents[0]
    assert expected(from_raw("y", tensor.datatype, tensor.shape, raw)) == expected(array)
    generate = GenerateCodec("m", 1, signature)
    document = orjson.loads(
        generate.encode(generate.decode(b'{"x": 1}'), {name: array[:1] for name, array in outputs.items()})
    )
    assert "y" in document


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among others"])
@pytest.mark.parametrize(("values", "shape"), EVERY)
def test_tables_and_arrays_hold_them(values: Array, shape: tuple[int, ...], among: bool) -> None:
    array = shaped(values, shape, strided=True)
    signature, outputs = case(array, among)
    codec, body = PredictCodec("m", 1, signature), rows_body(len(array))

    def written_as(accept: bytes) -> bytes:
        return codec.encode(codec.decode(body, b"", accept=accept), outputs)

    flat = [value for row in expected(array.reshape(len(array), -1)) for value in row]
    cells = list(csv.reader(io.StringIO(written_as(b"text/csv").decode())))
    width = array.reshape(len(array), -1).shape[1]
    written = [cell for row in cells[1:] for cell in row[:width]]
    if array.dtype.kind == "O":
        assert written == flat
    else:
        assert [float(orjson.loads(cell)) for cell in written] == [float(value) for value in flat]
        assert array.dtype.kind == "f" or written == [str(value).lower() for value in flat]
    table = pa.ipc.open_stream(written_as(b"application/vnd.apache.arrow.stream")).read_all()
    read = [
        value for row in zip(*(column.to_pylist() for column in table.columns[:width]), strict=True) for value in row
    ]
    assert read == flat
    if among:
        with pytest.raises(NotAcceptable):
            written_as(b"application/x-npy")
    else:
        assert expected(np.load(io.BytesIO(written_as(b"application/x-npy")))) == expected(array)


@pytest.mark.parametrize("kind", VALUES)
def test_a_scalar_is_written_whole(kind: str) -> None:
    array = VALUES[kind][0].reshape(()) if isinstance(VALUES[kind][0], np.generic) else np.array("a", object)
    signature = Signature((TensorSpec("x", "FP32", ()),), (TensorSpec("y", datatype_of(array.dtype), ()), BESIDE))
    outputs = {"y": array, "other": np.array(7, np.longlong)}
    codec, tf, generate = PredictCodec("m", 1, signature), TensorflowCodec(signature), GenerateCodec("m", 1, signature)
    body = b'{"inputs": {"x": 1}}'
    wanted = {"y": array.item(), "other": 7}
    assert orjson.loads(codec.encode(codec.decode(body, b""), outputs))["outputs"] == wanted
    assert orjson.loads(tf.encode(tf.predict(body), outputs))["outputs"] == wanted
    assert orjson.loads(generate.encode(generate.decode(b'{"x": 1}'), outputs)).items() >= wanted.items()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longlong, np.ulonglong, np.int32])
def test_a_classifiers_scores_may_be_of_any_type_of_numbers(dtype: Any) -> None:
    scores, label = TensorSpec("s", datatype_of(np.dtype(dtype)), (FREE, 2)), TensorSpec("l", "INT64", (FREE,))
    signature = Signature((TensorSpec("x", "FP32", (FREE,)),), (label, scores), "classification", (5, 9), "l", "s")
    outputs = {"l": np.array([9, 5], np.longlong), "s": np.array([[0, 1], [1, 0]], dtype)}
    codec, tf, body = PredictCodec("m", 1, signature), TensorflowCodec(signature), rows_body(2)
    response = orjson.loads(codec.encode(codec.decode(body, b"", probabilities=True), outputs))
    assert (response["predictions"], response["confidences"], response["classes"]) == ([9, 5], [1, 1], [5, 9])
    call = tf.classify(b'{"examples": [{"x": 1}, {"x": 2}]}')
    assert orjson.loads(tf.encode(call, outputs))["result"] == [[["5", 0], ["9", 1]], [["5", 1], ["9", 0]]]


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among others"])
def test_numbers_have_the_digits_of_their_own_precision_in_every_form(among: bool) -> None:
    signature, outputs = case(np.array([0.1], np.float32), among)
    codec, tf, body = PredictCodec("m", 1, signature), TensorflowCodec(signature), rows_body(1)
    written = [codec.encode(codec.decode(body, b"", accept=accept), outputs) for accept in (b"", b"text/csv")]
    for response in (*written, tf.encode(tf.predict(body), outputs)):
        assert b"0.1" in response
        assert b"0.10" not in response


def test_a_label_that_is_a_float_has_the_digits_of_its_own_precision_and_its_own_score() -> None:
    outputs = (TensorSpec("l", "FP32", (FREE,)), TensorSpec("s", "FP32", (FREE, 2)))
    signature = Signature((TensorSpec("x", "FP32", (FREE,)),), outputs, "classification", (0.1, 0.2), "l", "s")
    codec = PredictCodec("m", 1, signature)
    response = codec.encode(
        codec.decode(rows_body(2), b""),
        {"l": np.array([0.2, 0.3], np.float32), "s": np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)},
    )
    assert orjson.loads(response)["predictions"] == [0.2, 0.3]
    assert orjson.loads(response)["confidences"] == [0.75, None]
