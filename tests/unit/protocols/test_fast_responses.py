"""Outputs of many rows are written at once: the same bytes as row by row."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.protocols.predict import label_scores
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.predict.responses import jsonable, row_objects
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import FREE, Array, Scalar, Signature, Tensors, TensorSpec, datatype_of
from tests.unit.protocols.samples import IRIS, decoded, same, texts

MANY = settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
ROW = b'{"instances": [[1, 2, 3, 4]]}'
MEDIA = [b"application/json", b"text/csv", b"application/vnd.apache.arrow.stream"]
SCORES = [np.dtype(code) for code in ("e", "f", "d", "q", "Q", "b", ">f4", ">f8", ">i8")]
LABELS: dict[str, list[Any]] = {
    "BYTES": ["setosa", "versicolor", "virginica", "tulip", b"setosa", b"\xff"],
    "INT64": [0, 1, 2, 3, -1],
    "FP32": [0.5, 1.5, 2.5, 9.0, float("nan")],
    "BOOL": [False, True],
}
CLASSES: dict[str, list[tuple[Scalar, ...]]] = {
    "BYTES": [("setosa", "versicolor", "virginica"), ("setosa", "versicolor"), ("a", "b", "c", "tulip")],
    "INT64": [("setosa", "versicolor", "virginica"), (0, 1, 2), (2, 0), ("0", "1", "2"), (5, 6, 7, 3)],
    "FP32": [(0.5, 1.5, 2.5), (2.5, 0.5), (0.1, 0.2, 0.3)],
    "BOOL": [("no", "yes"), (False, True)],
}


@st.composite
def classified(draw: st.DrawFn) -> tuple[Signature, Tensors]:
    """A classifier, and outputs of it: usually labels that are classes."""
    datatype = draw(st.sampled_from(sorted(LABELS)))
    rows = draw(st.integers(1, 20))
    known = LABELS[datatype][: draw(st.integers(1, 3))]
    labels = draw(st.lists(st.sampled_from(known), min_size=rows, max_size=rows))
    if draw(st.integers(0, 3)) == 0:
        labels[-1] = draw(st.sampled_from(LABELS[datatype]))
    scores: Array = draw(arrays.arrays(draw(st.sampled_from(SCORES)), (rows, 3)))
    scores = draw(st.sampled_from([scores, np.asfortranarray(scores), np.repeat(scores, 2, axis=0)[::2]]))
    classes = draw(st.sampled_from(CLASSES[datatype]))
    outputs = (TensorSpec("label", datatype, (FREE,)), TensorSpec("scores", datatype_of(scores.dtype), (FREE, 3)))
    label = (
        texts(*labels)
        if datatype == "BYTES"
        else np.array(labels, {"INT64": "i8", "FP32": "f4", "BOOL": "?"}[datatype])
    )
    signature = replace(IRIS, outputs=outputs, classes=classes)
    if draw(st.booleans()):
        return signature, {"label": label, "scores": scores}
    unlabelled = replace(signature, outputs=outputs[1:], label="", classes=classes if len(classes) == 3 else ())
    return unlabelled, {"scores": scores}


def written(codec: PredictCodec, outputs: Tensors, accept: bytes) -> bytes | str:
    try:
        return codec.encode(codec.decode(ROW, b"application/json", accept=accept), outputs)
    except Exception as error:  # noqa: BLE001 - an output that no table holds fails in both ways
        return repr(error)


@MANY
@given(classified(), st.sampled_from(MEDIA))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_scores_selected_at_once_are_written_as_row_by_row(case: tuple[Signature, Tensors], accept: bytes) -> None:
    signature, outputs = case
    codec = PredictCodec("m", 1, signature)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_scores, "MAX_ROWS_ONE_BY_ONE", 0)
        quick = written(codec, outputs, accept)
        assert isinstance(quick, bytes) or accept != MEDIA[0]
        patch.setattr(label_scores, "MAX_ROWS_ONE_BY_ONE", 10**9)
        assert quick == written(codec, outputs, accept)


@pytest.mark.parametrize("dtype", SCORES, ids=str)
def test_each_score_has_the_digits_of_its_own_scalar(dtype: np.dtype[Any]) -> None:
    scores = np.random.default_rng(7).random((40, 3)).astype(dtype) / dtype.type(3)
    scores = scores.astype(dtype)
    labels = [row % 3 for row in range(40)]
    found = label_scores.label_scores(labels, None, scores)
    assert isinstance(found, np.ndarray)
    scalars = [jsonable(scores)[row, label] for row, label in enumerate(labels)]
    assert dumped(jsonable(found)) == dumped(scalars)


def dumped(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


COLUMN = st.one_of(
    [
        arrays.arrays(code, st.just((3,)) | st.just((3, 2)))
        for code in ("e", "f", "d", "l", "q", "Q", "b", "?", ">f8", ">i4")
    ]
)


@MANY
@given(st.lists(COLUMN, min_size=2, max_size=3))
def test_rows_of_several_outputs_have_the_digits_of_each_output(columns: list[Array]) -> None:
    names = [f"y{index}" for index in range(len(columns))]
    shown = [jsonable(column) for column in columns]
    scalars = [{name: column[row] for name, column in zip(names, shown, strict=True)} for row in range(3)]
    expected = dumped(scalars)
    assert dumped(row_objects(names, shown)) == expected
    signature = Signature(
        (TensorSpec("x", "FP32", (FREE,)),),
        tuple(
            TensorSpec(name, datatype_of(column.dtype), (FREE, *column.shape[1:]))
            for name, column in zip(names, columns, strict=True)
        ),
    )
    outputs = dict(zip(names, columns, strict=True))
    body = b'{"instances": [1, 2, 3]}'
    predict, tensorflow = PredictCodec("m", 1, signature), TensorflowCodec(signature)
    head = b'{"model_name":"m","model_version":"1","predictions":'
    assert predict.encode(predict.decode(body, b"application/json"), outputs) == head + expected + b"}"
    assert tensorflow.encode(tensorflow.predict(body), outputs) == b'{"predictions":' + expected + b"}"


def test_columns_in_another_order_are_read_at_once() -> None:
    names = list(IRIS.inputs[0].columns)
    table = {"columns": [names[at] for at in (2, 0, 3, 1)], "data": [[3, 1, 4, 2], [7, 5, 8, 6]] * 5}
    inputs = decoded(IRIS, {"dataframe_split": table})
    assert same(inputs, {"X": np.array([[1, 2, 3, 4], [5, 6, 7, 8]] * 5, np.float32)})
    assert inputs["X"].flags.c_contiguous
