"""The API of MLflow's scoring server."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.protocols.predict.codec import InvocationsCodec
from modelyard.tensors import Signature, Tensors
from tests.unit.protocols.samples import FEATURES, IMAGE, IRIS, WHOLE, one, texts

LABELLED = {"label": texts("setosa"), "scores": np.array([[0.5, 0.25, 0.25]], np.float32)}
ROW = [1, 2, 3, 4]


def response_of(signature: Signature, body: bytes, outputs: Tensors, content_type: bytes = b"application/json") -> Any:
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
def test_every_format_gets_a_response_with_predictions_only(document: Any) -> None:
    assert response_of(IRIS, orjson.dumps(document), LABELLED) == {"predictions": ["setosa"]}


def test_csv_gets_the_same_response_as_json() -> None:
    body = f"{','.join(FEATURES)}\n1,2,3,4\n".encode()
    assert response_of(IRIS, body, LABELLED, b"text/csv") == {"predictions": ["setosa"]}


def test_a_regression_responds_with_numbers() -> None:
    outputs = {"y": np.array([[2.5], [5]])}
    assert response_of(one("FP32"), b'{"instances": [1, 2]}', outputs) == {"predictions": [2.5, 5]}


def test_several_outputs_are_one_object_a_row() -> None:
    outputs = {"embedding": np.array([[1, 2]]), "mean": np.array([3])}
    image = [[[1], [2]], [[3], [4]]]
    expected = {"predictions": [{"embedding": [1, 2], "mean": 3}]}
    assert response_of(IMAGE, orjson.dumps({"instances": [image]}), outputs) == expected


def test_a_model_without_rows_responds_with_whole_outputs() -> None:
    body = b'{"inputs": {"matrix": [[1, 2]], "scale": 3}}'
    assert response_of(WHOLE, body, {"norm": np.array(2.5)}) == {"predictions": {"norm": 2.5}}


def test_requested_outputs_are_returned_unchanged() -> None:
    body = orjson.dumps({"instances": [ROW], "outputs": ["scores"]})
    assert response_of(IRIS, body, LABELLED) == {"predictions": [[0.5, 0.25, 0.25]]}


@pytest.mark.parametrize("body", [b"{}", b'{"params": {}}', b'{"rows": []}', b'{"instances": [[1]], "parms": {}}'])
def test_an_unknown_format_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        InvocationsCodec("m", 1, IRIS).decode(body, b"")


@settings(max_examples=100)
@given(st.binary(max_size=20), st.sampled_from([b"", b"text/csv", b"application/x"]))
def test_any_body_is_decoded_or_rejected(body: bytes, content_type: bytes) -> None:
    try:
        InvocationsCodec("m", 1, IRIS).decode(body, content_type)
    except ModelyardError as rejected:
        assert rejected.message
