"""A missing value is None in every format, if the input may have missing values; elsewhere it is an error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.arrow.streams import ARROW, stream
from tests.unit.protocols.samples import VALUE, decoded, decoded_csv, same, texts


def people(missing: bool, shape: tuple[int, ...] = (FREE, 1)) -> Signature:
    """A model like one that was fitted with a table of several types."""
    kinds = {"city": "BYTES", "visits": "INT64", "member": "BOOL"}
    inputs = [TensorSpec(name, datatype, shape, missing=missing) for name, datatype in kinds.items()]
    return Signature((*inputs, TensorSpec("age", "FP64", shape, missing=missing)), (VALUE,), task="regression")


NAMES = ("city", "visits", "member", "age")
ROWS: list[list[Any]] = [["Oslo", 3, True, 1.5], [None, None, None, None], ["Rome", 4, None, 2.0]]
COLUMNS = dict(zip(NAMES, (list(column) for column in zip(*ROWS, strict=True)), strict=True))
EXPECTED: Tensors = {
    "city": texts("Oslo", None, "Rome").reshape(-1, 1),
    "visits": texts(3, None, 4).reshape(-1, 1),
    "member": texts(True, None, None).reshape(-1, 1),
    "age": np.array([[1.5], [np.nan], [2.0]]),
}


def oip(signature: Signature, types: dict[str, str], data: dict[str, Any] = COLUMNS) -> Tensors:
    heads = [{"name": name, "shape": [3, 1], "datatype": types[name], "data": data[name]} for name in data]
    return InferCodec("m", 1, signature).decode(orjson.dumps({"inputs": heads})).request.inputs


OWN = {"city": "BYTES", "visits": "INT64", "member": "BOOL", "age": "FP64"}
FORMS: dict[str, Callable[[Signature], Tensors]] = {
    "lists": lambda signature: decoded(signature, {"instances": ROWS}),
    "objects": lambda signature: decoded(
        signature, {"instances": [dict(zip(NAMES, row, strict=True)) for row in ROWS]}
    ),
    "records": lambda signature: decoded(
        signature, {"dataframe_records": [dict(zip(NAMES, row, strict=True)) for row in ROWS]}
    ),
    "split": lambda signature: decoded(signature, {"dataframe_split": {"columns": NAMES, "data": ROWS}}),
    "tensors": lambda signature: decoded(
        signature, {"inputs": {name: [[value] for value in COLUMNS[name]] for name in NAMES}}
    ),
    "columns": lambda signature: decoded(signature, {"inputs": COLUMNS}),
    "csv": lambda signature: decoded_csv(signature, "city,visits,member,age\nOslo,3,True,1.5\n,,,\nRome,4,,2.0\n"),
    "floats in csv": lambda signature: decoded_csv(
        signature, "city,visits,member,age\nOslo,3.0,TRUE,1.5\n,,,\nRome,4.0,,2\n"
    ),
    "arrow": lambda signature: PredictCodec("m", 1, signature).decode(stream(COLUMNS), ARROW).request.inputs,
    "arrow of floats": lambda signature: (
        PredictCodec("m", 1, signature).decode(stream({**COLUMNS, "visits": [3.0, None, 4.0]}), ARROW).request.inputs
    ),
    "oip": lambda signature: oip(signature, OWN),
    "oip of other numbers": lambda signature: oip(
        signature, {**OWN, "visits": "INT8", "age": "INT16"}, {**COLUMNS, "age": [1, None, 2]}
    ),
    "oip of floats": lambda signature: oip(signature, {**OWN, "visits": "FP32"}),
    "tensorflow": lambda signature: (
        TensorflowCodec(signature).predict(orjson.dumps({"instances": ROWS})).request.inputs
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_null_is_none_if_the_input_may_have_missing_values(form: str) -> None:
    found = FORMS[form](people(missing=True))
    age = {"age": np.array([[1.0], [np.nan], [2.0]])} if form == "oip of other numbers" else {}
    assert same(found, {**EXPECTED, **age})
    assert type(found["visits"][0, 0]) is int


@pytest.mark.parametrize("form", FORMS)
def test_null_is_an_error_elsewhere(form: str) -> None:
    with pytest.raises(InvalidRequest, match=r"got (null|the number nan)"):
        FORMS[form](people(missing=False))


def test_without_a_missing_value_the_arrays_have_their_declared_types() -> None:
    whole = [["Oslo", 3, True, 1.5]]
    found = decoded(people(missing=True), {"instances": whole})
    assert [found[name].dtype for name in NAMES] == [object, np.int64, np.bool_, np.float64]


@pytest.mark.parametrize("shape", [(FREE,), (FREE, 1)])
def test_a_key_that_is_left_out_of_a_row_is_a_missing_value(shape: tuple[int, ...]) -> None:
    rows = [
        {"city": "Oslo", "visits": 3, "member": True, "age": 1.5},
        {"age": None},
        {"age": 2, "city": "Rome", "visits": 4},
    ]
    expected = {name: array.reshape(-1, *shape[1:]) for name, array in EXPECTED.items()}
    for form in ("instances", "dataframe_records"):
        assert same(decoded(people(True, shape), {form: rows}), expected)
    assert decoded(people(True, shape), {"instances": [{"age": 1}]})["city"].ravel().tolist() == [None]


@pytest.mark.parametrize(
    ("signature", "document", "message"),
    [
        (people(True), {"instances": [{"city": "a", "visits": 1, "member": True}]}, 'missing "age" at /instances/0'),
        (people(False), {"instances": [{"age": 1.5}]}, 'missing "city" at /instances/0 (and 2 more)'),
        (people(True), {"instances": [{"age": 1, "ctiy": "a"}]}, 'unknown name "ctiy"; did you mean "city"?'),
        (people(True), {"inputs": {"age": [1.5], "city": ["a"], "member": [True]}}, 'missing input "visits"'),
        (
            people(True),
            {"dataframe_split": {"columns": ["age", "city", "member"], "data": [[1, "a", True]]}},
            'missing column "visits"',
        ),
        (people(True), {"instances": [["a", 1.5, True, 2]]}, "expected a whole number, got the number 1.5"),
        (people(True), {"instances": [[None, 2**63, True, 2]]}, "expected a whole number from -9223372036854775808"),
        (people(True), {"instances": [["a", None, 1, 2]]}, "expected true or false, got the number 1"),
        (people(True), {"instances": [[1, None, None, 2]]}, "expected a string, got the number 1"),
    ],
)
def test_what_is_not_a_missing_value_stays_an_error(signature: Signature, document: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        decoded(signature, document)
    assert message in rejected.value.message


def test_a_column_that_is_left_out_of_csv_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match='missing column "visits"'):
        decoded_csv(people(True), "city,member,age\na,true,1\n")


def test_a_text_may_be_missing_among_plain_rows() -> None:
    text = Signature((TensorSpec("text", "BYTES", (FREE,), missing=True),), (VALUE,))
    assert same(decoded(text, {"instances": ["a", None, {"b64": "/w=="}]}), {"text": texts("a", None, b"\xff")})
    assert same(decoded(text, {"inputs": [None]}), {"text": texts(None)})
    assert same(decoded_csv(text, 'text\na\n""\n'), {"text": texts("a", None)})


def test_values_missing_in_several_columns_of_one_input_are_nan() -> None:
    table = Signature((TensorSpec("x", "FP64", (FREE, 2), ("a", "b"), missing=True),), (VALUE,))
    expected = {"x": np.array([[1, np.nan], [np.nan, 4]])}
    assert same(decoded(table, {"instances": [[1, None], [None, 4]]}), expected)
    with pytest.raises(InvalidRequest, match='missing "b"'):
        decoded(table, {"instances": [{"a": 1}]})


@pytest.mark.parametrize("kind", ["INT8", "INT64", "UINT64", "BOOL", "BYTES"])
@settings(max_examples=40)
@given(data=st.data())
def test_any_values_with_gaps_arrive_as_they_are(kind: str, data: st.DataObject) -> None:
    values = {
        "INT8": st.integers(-128, 127),
        "INT64": st.integers(-(2**63), 2**63 - 1),
        "UINT64": st.integers(0, 2**64 - 1),
        "BOOL": st.booleans(),
        "BYTES": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3),
    }[kind]
    column = [*data.draw(st.lists(st.none() | values, max_size=4)), None]
    signature = Signature((TensorSpec("x", kind, (FREE,), missing=True),), (VALUE,))
    head = {"name": "x", "shape": [len(column)], "datatype": kind, "data": column}
    arrow_types = {
        "INT8": pa.int8(),
        "INT64": pa.int64(),
        "UINT64": pa.uint64(),
        "BOOL": pa.bool_(),
        "BYTES": pa.string(),
    }
    read = [
        decoded(signature, {"instances": column}),
        decoded(signature, {"inputs": {"x": column}}),
        decoded(signature, {"instances": [{"x": value} if value is not None else {} for value in column]}),
        InferCodec("m", 1, signature).decode(orjson.dumps({"inputs": [head]})).request.inputs,
        PredictCodec("m", 1, signature)
        .decode(stream({"x": pa.array(column, arrow_types[kind])}), ARROW)
        .request.inputs,
    ]
    for found in read:
        assert found["x"].dtype == object
        assert [(value, type(value)) for value in found["x"].tolist()] == [(value, type(value)) for value in column]
