"""What MLflow's scoring server takes and gives."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.protocols.predict.invocations import InvocationsCodec
from modelyard.tensors import Signature, Tensors
from tests.unit.protocols.samples import FEATURES, IMAGE, IRIS, WHOLE, one, texts

LABELLED = {"label": texts("setosa"), "scores": np.array([[0.5, 0.25, 0.25]], np.float32)}
ROW = [1, 2, 3, 4]


def answered(signature: Signature, body: bytes, outputs: Tensors, content_type: bytes = b"application/json") -> Any:
    codec = InvocationsCodec("m", 1, signature)
    call = codec.decode(body, content_type)
    return orjson.loads(codec.encode(call, {name: outputs[name] for name in call.request.outputs}))


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": FEATURES, "data": [ROW]}},
        {"dataframe_split": {"index": [0], "columns": FEATURES, "data": [ROW]}, "params": {"threshold": 0.5}},
        {"dataframe_records": [dict(zip(FEATURES, ROW, strict=True))]},
        {"instances": [ROW]},
        {"inputs": [ROW]},
        {"inputs": {"X": [ROW]}, "params": {}},
    ],
)
def test_every_form_is_answered_with_predictions_alone(document: Any) -> None:
    assert answered(IRIS, orjson.dumps(document), LABELLED) == {"predictions": ["setosa"]}


def test_csv_is_answered_like_json() -> None:
    body = f"{','.join(FEATURES)}\n1,2,3,4\n".encode()
    assert answered(IRIS, body, LABELLED, b"text/csv") == {"predictions": ["setosa"]}


def test_a_regression_is_answered_with_numbers() -> None:
    outputs = {"y": np.array([[2.5], [5]])}
    assert answered(one("FP32"), b'{"instances": [1, 2]}', outputs) == {"predictions": [2.5, 5]}


def test_several_outputs_are_one_object_a_row() -> None:
    outputs = {"embedding": np.array([[1, 2]]), "mean": np.array([3])}
    image = [[[1], [2]], [[3], [4]]]
    expected = {"predictions": [{"embedding": [1, 2], "mean": 3}]}
    assert answered(IMAGE, orjson.dumps({"instances": [image]}), outputs) == expected


def test_a_model_without_rows_is_answered_by_output() -> None:
    body = b'{"inputs": {"matrix": [[1, 2]], "scale": 3}}'
    assert answered(WHOLE, body, {"norm": np.array(2.5)}) == {"predictions": {"norm": 2.5}}


def test_outputs_that_are_named_come_as_they_are() -> None:
    body = orjson.dumps({"instances": [ROW], "outputs": ["scores"]})
    assert answered(IRIS, body, LABELLED) == {"predictions": [[0.5, 0.25, 0.25]]}


@pytest.mark.parametrize("body", [b"{}", b'{"params": {}}', b'{"rows": []}', b'{"instances": [[1]], "parms": {}}'])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        InvocationsCodec("m", 1, IRIS).decode(body, b"")


@settings(max_examples=100)
@given(st.binary(max_size=20), st.sampled_from([b"", b"text/csv", b"application/x"]))
def test_no_body_does_anything_but_ask_or_be_refused(body: bytes, content_type: bytes) -> None:
    try:
        InvocationsCodec("m", 1, IRIS).decode(body, content_type)
    except ModelyardError as refused:
        assert refused.message
