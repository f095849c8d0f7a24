"""Predict's other forms of input and answer: numpy's arrays, and tables as CSV."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.lib import format as npy_format

from modelyard.errors import InvalidRequest, NotAcceptable
from modelyard.http.accept import preferred_media_type
from modelyard.protocols.predict.codec import InvocationsCodec, PredictCodec
from modelyard.protocols.predict.npy import read_npy, write_npy
from modelyard.tensors import DTYPES, FREE, Array, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import FEATURES, IMAGE, IRIS, MIXED, TEXT, WHOLE, equal, one, texts
from tests.unit.protocols.test_predict_responses import TAGGED, TAGS

NPY = b"application/x-npy"
LABELLED = {"label": texts("setosa"), "scores": np.array([[0.5, 0.25, 0.25]], np.float32)}
TWO_ROWS = b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}'
ROW = b'{"instances": [[1, 2, 3, 4]]}'
FEW = settings(max_examples=60)


def saved(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def decoded(signature: Signature, array: Any) -> Any:
    return PredictCodec("m", 1, signature).decode(saved(array), NPY).request.inputs


def answered(signature: Signature, accept: bytes, outputs: Tensors, body: bytes = ROW, **options: Any) -> bytes:
    codec = PredictCodec("m", 1, signature)
    call = codec.decode(body, b"", accept=accept, **options)
    return codec.encode(call, {name: outputs[name] for name in call.request.outputs})


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (b"", "application/json"),
        (b"*/*", "application/json"),
        (b"text/csv", "text/csv"),
        (b"TEXT/CSV; header=present", "text/csv"),
        (b"text/*", "text/csv"),
        (b"application/x-npy, */*;q=0.1", "application/x-npy"),
        (b"application/json;q=0.5, text/csv;q=0.9", "text/csv"),
        (b"text/csv, application/json", "text/csv"),
        (b"text/csv;q=1, application/json", "text/csv"),
        (b"text/csv".ljust(1000), "text/csv"),
        (b"text/csv".ljust(1001), "application/json"),
        (b"text/csv;q=0", "application/json"),
        (b"text/csv;q=x", "application/json"),
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        (b"image/png", "application/json"),
        (b"text/csv," * 1000, "application/json"),
        (b"\xff;;,=", "application/json"),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(accept: bytes, media: str) -> None:
    assert preferred_media_type(accept) == media


@FEW
@given(st.data(), st.sampled_from([name for name in DTYPES if name != "BYTES"]), st.booleans())
def test_any_array_of_numbers_comes_back(data: st.DataObject, datatype: str, fortran: bool) -> None:
    array = data.draw(arrays.arrays(DTYPES[datatype], arrays.array_shapes(min_dims=0, min_side=0, max_side=3)))
    given_ = np.asfortranarray(array) if fortran else array
    assert equal(read_npy(saved(given_)), given_.copy(order="C"))
    assert equal(np.load(io.BytesIO(write_npy(array))), array)


@settings(max_examples=200)
@given(
    st.binary(max_size=40), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", saved(np.ones(2))[:-3]])
)
def test_any_bytes_become_an_array_or_are_rejected(tail: bytes, head: bytes) -> None:
    try:
        read_npy(head + tail)
    except InvalidRequest as refused:
        assert refused.message


@pytest.mark.parametrize(
    ("signature", "array", "expected"),
    [
        (IRIS, np.ones((2, 4), np.float32), np.float32),
        (IRIS, np.ones((2, 4)), np.float32),
        (IRIS, np.ones((2, 4), np.int64), np.float32),
        (IRIS, np.ones((2, 4), ">f8"), np.float32),
        (one("INT8"), np.array([1, 2]), np.int8),
        (one("FP32", (FREE, 1)), np.array([1.0, 2.0]), np.float32),
        (one("FP32"), np.array([[1.0], [2.0]]), np.float32),
        (one("INT8"), np.array([1.0, -2.0]), np.int8),
        (one("FP64"), np.array([True, False]), np.float64),
        (one("INT64"), np.array([True, False]), np.int64),
        (one("FP64"), np.array([0.1], np.float32), np.float64),
    ],
)
def test_numbers_are_accepted_if_only_precision_is_lost(signature: Signature, array: Any, expected: type) -> None:
    [found] = decoded(signature, array).values()
    assert found.dtype == expected
    assert found.ravel().tolist() == array.ravel().tolist()


def written(descr: object, shape: tuple[int, ...], values: bytes = b"", *, header_bytes: int = 0) -> bytes:
    """A file with this header, which is at least `header_bytes` long."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}}}".ljust(header_bytes - 1) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + values


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_array_in_either_order_of_memory_is_read(version: tuple[int, int]) -> None:
    array = np.arange(6).reshape(2, 3)
    for ordered in (array, np.asfortranarray(array)):
        file = io.BytesIO()
        npy_format.write_array(file, ordered, version=version)
        read = read_npy(file.getvalue())
        assert (read.tolist(), read.flags.c_contiguous) == (array.tolist(), True)


def test_a_float_may_lose_digits() -> None:
    assert decoded(one("FP32"), np.array([0.1]))["x"].tolist() == [np.float32(0.1)]


def test_a_header_may_have_10000_bytes() -> None:
    assert read_npy(written("|b1", (1,), b"\1", header_bytes=10_000)).tolist() == [True]
    with pytest.raises(InvalidRequest, match=r"not a valid \.npy file"):
        read_npy(written("|b1", (1,), b"\1", header_bytes=10_001))


def test_a_classifiers_whole_labels_are_an_array_as_the_model_returns_them() -> None:
    signature = Signature(
        inputs=(TensorSpec("x", "FP32", (2,)),),
        outputs=(TensorSpec("label", "INT64", (2,)),),
        task="classification",
        classes=("no", "yes"),
        label="label",
    )
    labels = {"label": np.array([1, 0])}
    for body, expected in ((b'{"inputs": [1, 2]}', [1, 0]), (b'{"instances": [1, 2]}', ["yes", "no"])):
        array = np.load(io.BytesIO(answered(signature, NPY, labels, body)))
        assert array.tolist() == expected


def test_one_value_per_row_is_one_column() -> None:
    table = answered(one("FP32"), b"text/csv", {"y": np.array([[1.5], [2.5]])}, b'{"instances": [1, 2]}')
    assert table == b"prediction\n1.5\n2.5\n"


def test_bytes_in_a_table_are_text_if_they_are_utf_8_else_base64() -> None:
    body = b'{"instances": [1, 2]}'
    table = answered(one("FP32"), b"text/csv", {"y": np.array(["caf\xe9".encode(), b"\xff"], object)}, body)
    assert table.decode() == "prediction\ncaf\xe9\n/w==\n"


def test_probabilities_without_names_of_classes_are_columns_by_index() -> None:
    signature = Signature(
        inputs=(TensorSpec("x", "FP32", (FREE,)),),
        outputs=(TensorSpec("scores", "FP32", (FREE, 2)),),
        task="classification",
        scores="scores",
    )
    scores = {"scores": np.array([[0.25, 0.75]], np.float32)}
    table = answered(signature, b"text/csv", scores, b'{"instances": [1]}', probabilities=True)
    assert table == b"prediction,confidence,probability_0,probability_1\n1,0.75,0.25,0.75\n"


def test_texts_are_accepted() -> None:
    assert decoded(TEXT, np.array(["a", "bcd"]))["text"].tolist() == ["a", "bcd"]


@pytest.mark.parametrize(
    ("signature", "body", "message"),
    [
        (IRIS, b"", "not a valid .npy file (numpy.save)"),
        (IRIS, b"\x93NUMPY\x09\x00", "not a valid .npy file (numpy.save)"),
        (IRIS, saved(np.array([[object()]]), allow_pickle=True), "an array of object is not supported"),
        (IRIS, saved(np.zeros(1, [("a", "f4")])), "is not supported"),
        (IRIS, written(("<i4", (2,)), (1,), bytes(8)), "is not supported, only numbers"),
        (IRIS, written("<U0", (3,)), "an array of <U0 is not supported"),
        (IRIS, written("<i4", (0, 2**62, 2**62)), "the array's shape is too large"),
        (IRIS, saved(np.zeros((1, 4)))[:-1], "says 32 bytes of values, got 31"),
        (IRIS, saved(np.zeros((1, 4))).replace(b"(1, 4)", b"(9, 4)"), "says 288 bytes of values, got 32"),
        (IRIS, saved(np.zeros((1, 3))), "expected shape [-1, 4], got [1, 3]"),
        (IRIS, saved(np.zeros((0, 4))), "expected at least one row"),
        (IRIS, saved(np.zeros((1, 4), complex)), "an array of complex128 is not supported"),
        (IRIS, saved(np.array([["a"] * 4])), "expected an array of FP32, got BYTES"),
        (
            IRIS,
            saved(np.full((1, 4), 1e39)),
            "expected a number up to 3.40282e+38 (FP32), got the number 1e+39 at [0, 0]",
        ),
        (one("INT8"), saved(np.array([1.0, 1.5])), "expected a whole number, got the number 1.5 at [1]"),
        (
            one("INT8"),
            saved(np.array([300])),
            "expected a whole number from -128 to 127 (INT8), got the number 300 at [0]",
        ),
        (
            one("FP64"),
            saved(np.array([1, 2**53 + 1])),
            "that FP64 holds exactly, got the number 9007199254740993 at [1]",
        ),
        (one("BOOL"), saved(np.array([1])), "expected an array of BOOL, got INT64"),
        (TEXT, saved(np.array([1])), "expected an array of BYTES, got INT64"),
        (MIXED, saved(np.zeros(1)), "to a model with one required input; this has 3"),
    ],
)
def test_an_array_that_does_not_fit_is_rejected(signature: Signature, body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PredictCodec("m", 1, signature).decode(body, NPY)
    assert message in refused.value.message


def test_a_classifiers_table_has_labels_and_confidences() -> None:
    assert answered(IRIS, b"text/csv", LABELLED) == b"prediction,confidence\nsetosa,0.5\n"


def test_a_table_has_the_requested_probabilities() -> None:
    header, row, _ = answered(IRIS, b"text/csv", LABELLED, probabilities=True).decode().split("\n")
    assert header == "prediction,confidence,probability_setosa,probability_versicolor,probability_virginica"
    assert row == "setosa,0.5,0.5,0.25,0.25"


def test_an_output_of_several_values_a_row_has_a_column_for_each() -> None:
    outputs = {"embedding": np.array([[1.5, np.nan]], np.float32), "mean": np.array([0.1], np.float32)}
    body = b'{"instances": [[[[1], [2]], [[3], [4]]]]}'
    assert answered(IMAGE, b"text/csv", outputs, body) == b"embedding_0,embedding_1,mean\n1.5,,0.1\n"
    named = body[:-1] + b', "outputs": ["mean"]}'
    assert answered(IMAGE, b"text/csv", outputs, named) == b"prediction\n0.1\n"


def test_cells_are_quoted_and_written_as_json_has_them() -> None:
    outputs = {"label": texts('a,"b"'), "scores": np.array([[1, 0]])}
    assert answered(TEXT, b"text/csv", outputs, b'{"instances": ["x"]}') == b'prediction,confidence\n"a,""b""",\n'
    flags = one("FP32")
    assert answered(flags, b"text/csv", {"y": np.array([True])}, b'{"instances": [1]}') == b"prediction\ntrue\n"


@pytest.mark.parametrize(
    ("body", "options", "expected"),
    [
        (ROW, {}, ["setosa"]),
        (ROW, {"probabilities": True}, [[0.5, 0.25, 0.25]]),
        (ROW[:-1] + b', "outputs": ["scores"]}', {}, [[0.5, 0.25, 0.25]]),
    ],
)
def test_an_array_is_the_labels_or_the_requested_output(body: bytes, options: Any, expected: Any) -> None:
    made = answered(IRIS, NPY, LABELLED, body, **options)
    assert np.load(io.BytesIO(made), allow_pickle=False).tolist() == expected


def test_a_whole_output_may_be_an_array() -> None:
    body = b'{"inputs": {"matrix": [[1, 2]], "scale": 3}}'
    made = answered(WHOLE, NPY, {"norm": np.array(2.5, np.float32)}, body)
    assert np.load(io.BytesIO(made)).tolist() == 2.5


@pytest.mark.parametrize(
    ("signature", "accept", "outputs", "body", "message"),
    [
        (
            IMAGE,
            NPY,
            {"embedding": np.ones((1, 2)), "mean": np.ones(1)},
            b'{"instances":[[[[1],[2]],[[3],[4]]]]}',
            "several",
        ),
        (one("FP32"), b"text/csv", {"y": np.ones((1, 2, 2))}, b'{"instances": [1]}', "'y' cannot be sent as a table"),
        (WHOLE, b"text/csv", {"norm": np.array(1.0)}, b'{"inputs": {"matrix": [[1, 2]], "scale": 3}}', "whole outputs"),
        (one("FP32"), NPY, {"y": texts(b"\xff")}, b'{"instances": [1]}', "bytes that are not UTF-8"),
    ],
)
def test_a_response_that_does_not_fit_its_format_is_an_error(
    signature: Signature, accept: bytes, outputs: Tensors, body: bytes, message: str
) -> None:
    with pytest.raises(NotAcceptable) as refused:
        answered(signature, accept, outputs, body)
    assert message in refused.value.message


def test_several_labels_are_columns_or_one_array() -> None:
    header, *rows = answered(TAGS, b"text/csv", TAGGED, TWO_ROWS).decode().splitlines()
    assert header == "prediction_0,prediction_1,scores_0_0,scores_0_1,scores_1_0,scores_1_1,scores_1_2"
    assert rows == ["1,7,0.25,0.75,0.5,0.25,0.25", "0,9,1.0,0.0,0.0,0.0,1.0"]
    table = pyarrow.ipc.open_stream(answered(TAGS, b"application/vnd.apache.arrow.stream", TAGGED, TWO_ROWS)).read_all()
    assert table["prediction_1"].to_pylist() == [7, 9]
    assert np.load(io.BytesIO(answered(TAGS, NPY, TAGGED, TWO_ROWS))).tolist() == [[1, 7], [0, 9]]
    invoked = InvocationsCodec("m", 1, TAGS)
    assert invoked.encode(invoked.decode(TWO_ROWS, b""), TAGGED) == b'{"predictions":[[1,7],[0,9]]}'


def test_scores_without_classes_are_columns_of_no_class() -> None:
    nameless = replace(IRIS, outputs=(TensorSpec("label", "INT64", (FREE,)), IRIS.outputs[1]), classes=())
    table = answered(nameless, b"text/csv", {**LABELLED, "label": np.array([20])}, probabilities=True)
    assert table == b"prediction,scores_0,scores_1,scores_2\n20,0.5,0.25,0.25\n"


@pytest.mark.parametrize("labels", [texts("a\0"), texts(b"\xff"), np.array([2])])
def test_labels_that_an_array_would_change_are_rejected(labels: Array) -> None:
    mixed = replace(IRIS, outputs=(TensorSpec("label", "INT64", (FREE,)), IRIS.outputs[1]), classes=("a", "b"))
    both = np.concatenate([labels, np.array([0])]) if labels.dtype.kind == "i" else labels
    outputs = {"label": both, "scores": np.zeros((len(both), 3), np.float32)}
    with pytest.raises(NotAcceptable):
        answered(mixed, NPY, outputs)


def test_texts_of_bytes_are_texts_to_the_model() -> None:
    assert decoded(TEXT, np.array([b"a", b"bc"]))["text"].tolist() == ["a", "bc"]
    assert decoded(TEXT, np.array([b"a", b"\xff"]))["text"].tolist() == ["a", b"\xff"]


def test_csv_is_answered_with_csv_if_both_headers_are_set() -> None:
    codec = PredictCodec("m", 1, IRIS)
    body = f"{','.join(FEATURES)}\n1,2,3,4\n".encode()
    call = codec.decode(body, b"text/csv", accept=b"text/csv")
    assert codec.encode(call, LABELLED).startswith(b"prediction,confidence\n")
