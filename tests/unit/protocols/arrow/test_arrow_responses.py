"""Responses as Arrow streams: the columns of the CSV response."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.errors import NotAcceptable
from modelyard.http.accept import preferred_media_type
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import Signature, Tensors
from tests.unit.protocols.arrow.streams import ARROW
from tests.unit.protocols.samples import IMAGE, IRIS, TEXT, WHOLE, one, texts

LABELLED = {"label": texts("setosa", "virginica"), "scores": np.array([[0.5, 0.25, 0.25], [0, 0.1, 0.9]], np.float32)}
ROWS = b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}'
ONE = b'{"instances": [1]}'


def response(signature: Signature, outputs: Tensors, body: bytes = ROWS, **options: Any) -> Any:
    codec = PredictCodec("m", 1, signature)
    call = codec.decode(body, b"", accept=ARROW, **options)
    with pa.ipc.open_stream(codec.encode(call, {name: outputs[name] for name in call.request.outputs})) as stream:
        [batch] = list(stream)
    batch.validate(full=True)
    return batch


def test_the_client_requests_it_by_accept() -> None:
    assert preferred_media_type(ARROW + b", */*;q=0.1").encode() == ARROW
    assert preferred_media_type(b"application/*") == "application/json"


def test_a_classifiers_table_has_labels_and_confidences() -> None:
    batch = response(IRIS, LABELLED)
    assert batch.schema == pa.schema({"prediction": pa.string(), "confidence": pa.float32()})
    assert batch.column("prediction").to_pylist() == ["setosa", "virginica"]
    assert batch.column("confidence").to_numpy().tolist() == LABELLED["scores"].max(1).tolist()


def test_the_columns_are_those_of_csv() -> None:
    codec = PredictCodec("m", 1, IRIS)
    call = codec.decode(ROWS, b"", accept=b"text/csv", probabilities=True)
    header = codec.encode(call, LABELLED).decode().split("\n")[0]
    assert response(IRIS, LABELLED, probabilities=True).schema.names == header.split(",")


def test_an_output_of_several_values_a_row_has_a_column_for_each() -> None:
    outputs = {"embedding": np.array([[1.5, np.nan]], np.float32), "mean": np.array([0.1], np.float32)}
    batch = response(IMAGE, outputs, b'{"instances": [[[[1], [2]], [[3], [4]]]]}')
    assert batch.schema == pa.schema(dict.fromkeys(["embedding_0", "embedding_1", "mean"], pa.float32()))
    assert np.isnan(batch.column("embedding_1")[0].as_py())  # Arrow represents NaN


@pytest.mark.parametrize(
    ("values", "type_", "expected"),
    [
        (np.array([True]), pa.bool_(), [True]),
        (np.array([2**64 - 1], np.uint64), pa.uint64(), [2**64 - 1]),
        (np.array([3], np.int8), pa.int8(), [3]),
        (np.array([1.5], np.float16), pa.float16(), [1.5]),
        (texts(b"abc"), pa.string(), ["abc"]),
        (texts(b"\xff"), pa.binary(), [b"\xff"]),
    ],
)
def test_a_column_has_the_type_of_its_output(values: Any, type_: Any, expected: Any) -> None:
    batch = response(one("FP32"), {"y": values}, ONE)
    assert batch.column("prediction").type == type_
    assert batch.column("prediction").to_pylist() == expected


def test_a_label_without_a_score_has_a_null_confidence() -> None:
    batch = response(TEXT, {"label": texts("other"), "scores": np.array([[1.0, 0.0]])}, b'{"instances": ["x"]}')
    assert batch.column("confidence").to_pylist() == [None]


@pytest.mark.parametrize(
    ("signature", "outputs", "body", "message"),
    [
        (one("FP32"), {"y": np.ones((1, 2, 2))}, ONE, "'y' cannot be sent as a table"),
        (WHOLE, {"norm": np.array(1.0)}, b'{"inputs": {"matrix": [[1, 2]], "scale": 3}}', "whole outputs"),
        (one("FP32"), {"y": texts("a", 1)}, b'{"instances": [1, 2]}', '"prediction" have several types'),
    ],
)
def test_a_response_that_is_not_a_table_is_rejected(
    signature: Signature, outputs: Tensors, body: bytes, message: str
) -> None:
    with pytest.raises(NotAcceptable) as rejected:
        response(signature, outputs, body)
    assert message in rejected.value.message


def test_a_server_without_pyarrow_rejects_the_request_before_the_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotAcceptable, match=r"pip install 'modelyard\[arrow\]'"):
        PredictCodec("m", 1, IRIS).decode(ROWS, b"", accept=ARROW)


def test_pyarrow_is_imported_at_the_first_request_that_needs_it() -> None:
    program = (
        "import sys; from modelyard.protocols.predict.codec import PredictCodec as C; "
        "from tests.unit.protocols.samples import IRIS; "
        "C('m', 1, IRIS).decode(b'{\"instances\": [[1, 2, 3, 4]]}', b'', accept=b'text/csv'); "
        "sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
