"""Columns that the model was fitted with but does not read are accepted with any values; other names stay errors."""

import datetime
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.generate import GenerateCodec
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import FREE, Array, Signature, Tensors, TensorSpec, datatype_of
from tests.unit.protocols.arrow.streams import ARROW, stream
from tests.unit.protocols.samples import VALUE, decoded, decoded_csv, same, texts

FITTED = ("id", "b", "note", "a", "when")
TABLE = Signature((TensorSpec("x", "FP64", (FREE, 2), ("a", "b")),), (VALUE,), task="regression", fitted=FITTED)
"""Columns of numbers, in another order than in the fit."""
MIXED = Signature(
    (TensorSpec("a", "FP64", (FREE, 1)), TensorSpec("b", "BYTES", (FREE, 1), missing=True)),
    (VALUE,),
    task="regression",
    fitted=FITTED,
)
ALONE = Signature((TensorSpec("b", "BYTES", (FREE, 1)),), (VALUE,), task="regression", fitted=FITTED)
EXPECTED: dict[str, tuple[Signature, Tensors, list[Any]]] = {
    "table": (TABLE, {"x": np.array([[1.5, 7], [2.5, 8]])}, [7, 8]),
    "mixed": (MIXED, {"a": np.array([[1.5], [2.5]]), "b": texts("u", "v").reshape(2, 1)}, ["u", "v"]),
    "alone": (ALONE, {"b": texts("u", "v").reshape(2, 1)}, ["u", "v"]),
}
ODD: list[Any] = [{"any": ["thing"]}, None]
"""The values of columns that are not read."""


def rows(b: list[Any]) -> list[list[Any]]:
    return [[value, b[index], "x", 1.5 + index, [value]] for index, value in enumerate(ODD)]


def objects(b: list[Any]) -> list[dict[str, Any]]:
    """Rows as objects; the second row leaves out ignored columns."""
    first, second = (dict(zip(FITTED, row, strict=True)) for row in rows(b))
    del second["note"], second["when"]
    return [first, second]


def columns(b: list[Any]) -> dict[str, list[Any]]:
    return {"note": ODD, "a": [1.5, 2.5], "id": ["?"], "b": b, "when": []}


def typed(b: list[Any]) -> dict[str, Array]:
    """Tensors by name, some of them of types and lengths that no input has."""
    known = texts(*b) if isinstance(b[0], str) else np.array(b)
    return {"a": np.array([1.5, 2.5]), "id": np.array([True] * 5), "b": known, "note": np.ones((1, 1, 3), np.int8)}


def heads(b: list[Any]) -> list[dict[str, Any]]:
    return [{"name": name, "datatype": datatype_of(x.dtype), "shape": x.shape} for name, x in typed(b).items()]


def oip(signature: Signature, b: list[Any]) -> Tensors:
    inputs = [{**head, "data": x.reshape(-1).tolist()} for head, x in zip(heads(b), typed(b).values(), strict=True)]
    inputs.append({"name": "when", "datatype": "DATE", "shape": [-7], "data": ODD})
    return InferCodec("m", 1, signature).decode(orjson.dumps({"inputs": inputs})).request.inputs


def oip_binary(signature: Signature, b: list[Any]) -> Tensors:
    raws = [to_raw(array) for array in typed(b).values()]
    inputs = [{**head, "parameters": {"binary_data_size": len(raw)}} for head, raw in zip(heads(b), raws, strict=True)]
    json = orjson.dumps({"inputs": inputs})
    return InferCodec("m", 1, signature).decode(json + b"".join(raws), b"%d" % len(json)).request.inputs


def grpc(signature: Signature, b: list[Any]) -> Tensors:
    message = ModelInferRequest(inputs=heads(b), raw_input_contents=[to_raw(array) for array in typed(b).values()])
    return GrpcInferCodec("m", 1, signature).decode(message).request.inputs


def arrow(signature: Signature, b: list[Any]) -> Tensors:
    dates = pa.array([datetime.date(2020, 1, 1), None])
    table = {"when": dates, "b": pa.array(b), "note": pa.array([{"a": 1}, None]), "a": [1.5, 2.5], "id": [None, None]}
    return PredictCodec("m", 1, signature).decode(stream(table), ARROW).request.inputs


FORMS: dict[str, Callable[[Signature, list[Any]], Tensors]] = {
    "objects": lambda signature, b: decoded(signature, {"instances": objects(b)}),
    "records": lambda signature, b: decoded(signature, {"dataframe_records": objects(b)}),
    "lists": lambda signature, b: decoded(signature, {"instances": rows(b)}),
    "split": lambda signature, b: decoded(signature, {"dataframe_split": {"columns": FITTED, "data": rows(b)}}),
    "part of a split": lambda signature, b: decoded(
        signature, {"dataframe_split": {"columns": ["a", "b", "id"], "data": [[1.5, b[0], {}], [2.5, b[1], None]]}}
    ),
    "columns": lambda signature, b: decoded(signature, {"inputs": columns(b)}),
    "csv": lambda signature, b: decoded_csv(signature, f'id,b,note,a,when\n,{b[0]},"x,y",1.5,-\n?,{b[1]},,2.5,\n'),
    "tensorflow": lambda signature, b: (
        TensorflowCodec(signature).predict(orjson.dumps({"instances": rows(b)})).request.inputs
    ),
    "arrow": arrow,
    "oip": oip,
    "oip binary": oip_binary,
    "grpc": grpc,
}


@pytest.mark.parametrize("model", EXPECTED)
@pytest.mark.parametrize("form", FORMS)
def test_ignored_columns_are_accepted_with_any_values(form: str, model: str) -> None:
    signature, expected, b = EXPECTED[model]
    assert same(FORMS[form](signature, b), expected)


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[1.5, 7]]},
        {"instances": [{"b": 7, "a": 1.5}]},
        {"instances": [{"x": [1.5, 7]}]},
        {"inputs": [[1.5, 7]]},
        {"inputs": [["?", 7, None, 1.5, {}]]},
        {"inputs": {"x": [["?", 7, None, 1.5, {}]]}},
        {"inputs": {"x": [[1.5, 7]], "note": 0}},
    ],
)
def test_the_columns_that_are_read_may_be_sent_alone_or_in_whole_rows(document: Any) -> None:
    assert same(decoded(TABLE, document), {"x": np.array([[1.5, 7]])})


def test_one_tensor_of_all_columns_is_reduced_to_those_that_are_read() -> None:
    whole = np.array([[9, 7, 9, 1, 9.25]], np.float32)
    expected = {"x": np.array([[1.0, 7]])}
    body = {"inputs": [{"name": "input-0", "datatype": "FP32", "shape": [1, 5], "data": whole.tolist()}]}
    assert same(InferCodec("m", 1, TABLE).decode(orjson.dumps(body)).request.inputs, expected)
    message = ModelInferRequest(
        inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 5]}], raw_input_contents=[whole.tobytes()]
    )
    assert same(GrpcInferCodec("m", 1, TABLE).decode(message).request.inputs, expected)
    file = io.BytesIO()
    np.save(file, whole)
    codec = PredictCodec("m", 1, TABLE)
    assert same(codec.decode(file.getvalue(), b"application/x-npy").request.inputs, expected)


def test_generate_ignores_them() -> None:
    signature = Signature((TensorSpec("b", "BYTES", (FREE,)),), (VALUE,), fitted=FITTED)
    assert GenerateCodec("m", 1, signature).decode(b'{"b": "u", "note": 7}').request.inputs["b"].tolist() == ["u"]


def test_a_column_that_is_not_read_may_have_the_name_of_the_input() -> None:
    space = Signature((TensorSpec("x", "FP64", (FREE, 2), ("y", "z")),), (VALUE,), fitted=("x", "y", "z"))
    expected = {"x": np.array([[2.0, 3.0]])}
    assert same(decoded(space, {"inputs": {"x": ["?"], "y": [2], "z": [3]}}), expected)
    assert same(decoded(space, {"instances": [{"x": "?", "y": 2, "z": 3}]}), expected)
    inputs = [{"name": name, "datatype": "INT8", "shape": [1], "data": [n]} for n, name in enumerate("xyz", 1)]
    assert same(InferCodec("m", 1, space).decode(orjson.dumps({"inputs": inputs})).request.inputs, expected)
    assert same(decoded(space, {"inputs": {"x": [[2, 3]]}}), expected)


@pytest.mark.parametrize(
    ("signature", "document", "message"),
    [
        (TABLE, {"instances": [{"a": 1, "b": 2, "noet": 3}]}, 'unknown name "noet"; did you mean "note"?'),
        (TABLE, {"instances": [{"a": 1, "note": 2}]}, 'missing "b" at /instances/0'),
        (TABLE, {"instances": [[1, 2, 3]]}, "expected 2 values, got 3 at /instances/0"),
        (TABLE, {"instances": [[0, "7", 0, 1.5, 0]]}, 'expected a number, got the string "7" at /instances/0/1'),
        (TABLE, {"inputs": [[0, "7", 0, 1.5, 0]]}, 'expected a number, got the string "7" at /inputs/0/1'),
        (TABLE, {"instances": [[0, 7, 0, 1.5, 0], [1, 2]]}, "expected 5 values, got 2 at /instances/1"),
        (TABLE, {"inputs": {"a": [1], "b": [2], "c" * 9: [3]}}, 'unknown input "ccccccccc"'),
        (TABLE, {"inputs": {"a": [1], "note": [2]}}, 'missing column "b"'),
        (MIXED, {"dataframe_split": {"columns": ["a", "b", "whne"], "data": [[1, "u", 0]]}}, 'did you mean "when"?'),
        (MIXED, {"dataframe_split": {"columns": ["a", "note"], "data": [[1, "u"]]}}, 'missing column "b"'),
    ],
)
def test_unknown_and_missing_names_stay_errors(signature: Signature, document: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        decoded(signature, document)
    assert message in rejected.value.message


def test_over_the_open_inference_protocol_too() -> None:
    inputs = [{"name": name, "datatype": "INT8", "shape": [1], "data": [1]} for name in ("a", "b", "noet")]
    with pytest.raises(InvalidRequest, match="unknown input 'noet'; did you mean 'note'"):
        InferCodec("m", 1, TABLE).decode(orjson.dumps({"inputs": inputs}))
    with pytest.raises(InvalidRequest, match="missing input 'x'"):
        InferCodec("m", 1, TABLE).decode(orjson.dumps({"inputs": [{**inputs[0], "name": "note"}]}))


def test_csv_of_one_column_that_is_read_has_a_header_if_it_has_others() -> None:
    assert same(decoded_csv(ALONE, "u\nv\n"), EXPECTED["alone"][1])
    assert same(decoded_csv(ALONE, "b\nu\nv\n"), EXPECTED["alone"][1])
    with pytest.raises(InvalidRequest, match='unknown column "1"'):
        decoded_csv(ALONE, "1,u,2,3,4\n")
