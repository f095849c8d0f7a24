"""How Arrow tables are read, and which are rejected."""

import sys
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.errors import InvalidRequest, UnsupportedMediaType
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import DTYPES, FREE, Array, Signature, TensorSpec
from tests.unit.protocols.arrow.streams import ARROW, PEOPLE, decoded, lists, stream, written
from tests.unit.protocols.samples import (
    FEATURES,
    FIXED,
    IMAGE,
    IRIS,
    MIXED,
    NAMELESS,
    TEXT,
    VALUE,
    WHOLE,
    equal,
    one,
    same,
    texts,
)

FEW = settings(max_examples=60)
WIDE = Signature((TensorSpec("x", "FP32", (FREE, FREE)),), (VALUE,), task="regression")
FLOWERS = {name: pa.array([index + 0.5, index + 1.5]) for index, name in enumerate(FEATURES)}


def rejection(signature: Signature, body: bytes, **limits: Any) -> str:
    with pytest.raises(InvalidRequest) as rejected:
        decoded(signature, body, **limits)
    return rejected.value.message


@pytest.mark.parametrize("batch_rows", [None, 1])
def test_columns_are_read_by_name_and_batches_are_joined(batch_rows: int | None) -> None:
    shuffled = dict(reversed(PEOPLE.items()))
    assert same(
        decoded(MIXED, stream(shuffled, batch_rows=batch_rows)),
        {
            "numbers": np.array([[30, 1.5], [np.nan, 2.5]]),
            "city": texts("Bern", "Köln").reshape(2, 1),
            "member": np.array([True, False]),
        },
    )


def test_an_optional_input_may_be_left_out_of_a_table() -> None:
    assert decoded(MIXED, stream({**PEOPLE, "visits": [1, 2]}))["visits"].tolist() == [1, 2]


def test_the_columns_of_an_input_are_stacked() -> None:
    expected = np.array([[0.5, 1.5, 2.5, 3.5], [1.5, 2.5, 3.5, 4.5]], np.float32)
    assert same(decoded(IRIS, stream(FLOWERS)), {"X": expected})


@pytest.mark.parametrize(
    ("signature", "name", "column", "expected"),
    [
        (IRIS, "X", lists([[1, 2, 3, 4]], 4), np.array([[1, 2, 3, 4]], np.float32)),
        (NAMELESS, "x", lists([[1, 2], [3, 4]], 2, of=pa.int64()), np.array([[1, 2], [3, 4]], np.float32)),
        (WIDE, "x", lists([[1, 2, 3]], 3), np.array([[1, 2, 3]], np.float32)),
        (IMAGE, "image", lists([[[[1], [2]], [[3], [4]]]], 2, 2, 1), np.arange(1, 5, dtype="f4").reshape(1, 2, 2, 1)),
        (FIXED, "x", lists([[1, 2, 3], [4, 5, 6]], 3), np.array([[1, 2, 3], [4, 5, 6]], np.float32)),
        (TEXT, "text", pa.array(["a"], pa.large_string()), texts("a")),
        (TEXT, "text", pa.array(["a" * 20, "b"], pa.string_view()), texts("a" * 20, "b")),
        (TEXT, "text", pa.array([b"\xff"]), texts(b"\xff")),
        (one("FP32", (FREE, 1)), "x", lists([[1], [2]], 1), np.array([[1], [2]], np.float32)),
        (one("FP32", (FREE, 1)), "x", pa.array([1, 2]), np.array([[1], [2]], np.float32)),
        (one("FP32", (FREE, 2)), "x", lists([[1, None]], 2), np.array([[1, np.nan]], np.float32)),
        (one("FP32"), "x", pa.nulls(3), np.full(3, np.nan, np.float32)),
        (one("FP64"), "x", pa.array([np.inf, np.nan]), np.array([np.inf, np.nan])),
        (one("FP64"), "x", pa.array([2.5, None, 2.5]).dictionary_encode(), np.array([2.5, np.nan, 2.5])),
        (one("INT8"), "x", pa.array([3.0, -128.0]), np.array([3, -128], np.int8)),
        (one("FP32"), "x", pa.array([True, None, False]), np.array([1, np.nan, 0], np.float32)),
        (one("INT8"), "x", pa.array([True, False]), np.array([1, 0], np.int8)),
        (one("FP32"), "x", pa.array([2**24, -1]), np.array([2**24, -1], np.float32)),
        (one("FP32"), "x", pa.array([0.1]), np.array([0.1], np.float32)),
        (TEXT, "text", pa.array([b"a", b"b"]), texts("a", "b")),
        (one("UINT64"), "x", pa.array([2**64 - 1], pa.uint64()), np.array([2**64 - 1], np.uint64)),
        (one("BOOL"), "x", pa.array([True, False] * 9)[1:12], np.array(([True, False] * 9)[1:12])),
    ],
)
def test_a_column_becomes_an_input(signature: Signature, name: str, column: Any, expected: Array) -> None:
    assert same(decoded(signature, stream({name: column})), {name: expected})


@pytest.mark.parametrize("signature", [NAMELESS, WIDE])
def test_values_without_names_are_read_in_order(signature: Signature) -> None:
    expected = {"x": np.array([[1, 2.5], [3, np.nan]], np.float32)}
    assert same(decoded(signature, stream({"b": [1, 3], "a": [2.5, None]})), expected)


def test_a_dictionary_may_change_between_batches() -> None:
    chunks = [pa.array(words).dictionary_encode() for words in (["a", "b"], ["b", "c", "b"], ["a"])]
    body = written(pa.table({"x": pa.chunked_array(chunks)}))
    assert decoded(one("BYTES"), body)["x"].tolist() == ["a", "b", "b", "c", "b", "a"]


@pytest.mark.parametrize(
    ("signature", "columns", "message"),
    [
        (IRIS, FLOWERS | {"petal": pa.array([1, 2])}, 'unknown column "petal"'),
        (IRIS, dict(list(FLOWERS.items())[:3]), 'missing column "petal_width" at /columns'),
        (IRIS, {"X": lists([[1, 2]], 2)}, "expected lists of 4, got lists of 2 at /columns/X"),
        (IRIS, {"X": pa.array([1.0])}, "expected lists of 4, got scalars at /columns/X"),
        (
            IRIS,
            FLOWERS | {"petal_width": pa.array(["a", "b"])},
            "expected a column of numbers (FP32), got one of string",
        ),
        (IRIS, FLOWERS | {"petal_width": pa.array([1, 1e39])}, "got the number 1e+39 at /columns/petal_width/1"),
        (one("BOOL"), {"x": pa.array([1, 0])}, "expected a column of booleans (BOOL), got one of int64 at /columns/x"),
        (one("INT8"), {"x": pa.array([1, 300])}, "expected a whole number from -128 to 127 (INT8), got the number 300"),
        (one("FP32"), {"x": pa.array([2**24 + 1])}, "that FP32 holds exactly, got the number 16777217 at /columns/x/0"),
        (one("FP64"), {"x": pa.array([2**63 - 1])}, "got the number 9223372036854775807 at /columns/x/0"),
        (one("INT8"), {"x": pa.array([1.5])}, "expected a whole number, got the number 1.5 at /columns/x/0"),
        (one("INT64"), {"x": pa.array([2.0**60])}, "written without an exponent"),
        (one("INT64"), {"x": pa.array([np.nan])}, "got the number nan"),
        (one("INT64"), {"x": pa.array([1, None])}, "expected a whole number, got null at /columns/x/1"),
        (one("UINT8"), {"x": pa.array([-1])}, "from 0 to 255"),
        (one("BOOL"), {"x": pa.array([None, True])}, "expected true or false, got null at /columns/x/0"),
        (one("BOOL"), {"x": pa.array([1])}, "expected a column of booleans (BOOL), got one of int64"),
        (TEXT, {"text": pa.array(["a", None])}, "expected a string, got null at /columns/text/1"),
        (TEXT, {"text": pa.nulls(1)}, "expected a string, got null"),
        (TEXT, {"text": pa.array([None], pa.dictionary(pa.int8(), pa.string()))}, "expected a string, got null"),
        (one("INT8", (FREE, 2)), {"x": lists([[1, None]], 2)}, "got null at /columns/x/0/1"),
        (one("FP32", (FREE, 2)), {"x": lists([[1, 2], None], 2)}, "expected a list of 2 values, got null, in row 1"),
        (one("FP32"), {"x": pa.array([[1.0]])}, "a column of list<"),
        (one("FP32"), {"x": pa.array([0], pa.date32())}, "a column of date32[day] is not supported, only numbers"),
        (one("FP32"), {"x": pa.array([{"a": 1}])}, "a column of struct<a: int64> is not supported"),
        (one("FP32"), {"x": lists([[]], *[0] * 33)}, "is not supported"),
        (
            NAMELESS,
            {"a": [1], "b": [2], "c": [3]},
            "expected 2 columns, or one column of lists of 2, got 3 at /columns",
        ),
        (NAMELESS, {}, "expected 2 columns"),
        (WIDE, {}, "expected columns, got 0"),
        (FIXED, {"x": lists([[1, 2, 3]], 3)}, "expects exactly 2 rows, got 1"),
        (WHOLE, {"matrix": lists([[1, 2]], 2)}, "does not support rows"),
        (one("FP32"), {"x": pa.array([], pa.float32())}, "expected at least one row"),
    ],
)
def test_a_table_that_does_not_match_is_rejected(signature: Signature, columns: Any, message: str) -> None:
    assert message in rejection(signature, stream(columns))


def test_a_duplicate_column_is_rejected() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    assert 'duplicate column "x"' in rejection(one("FP32"), written(table))


def test_every_bad_value_is_reported() -> None:
    with pytest.raises(InvalidRequest) as rejected:
        decoded(MIXED, stream({**PEOPLE, "city": ["a", None], "member": [1, 2]}))
    assert [bad.pointer for bad in rejected.value.bad_values] == ["/columns/city/1", "/columns/member"]


def test_rows_are_counted_over_all_batches() -> None:
    body = stream({"x": [1, 2, 3]}, batch_rows=1)
    assert "expected at most 2 rows, got 3" in rejection(one("FP32"), body, max_rows=2)
    assert len(decoded(one("FP32"), body, max_rows=3)["x"]) == 3


@FEW
@given(st.data(), st.sampled_from(list(DTYPES)), st.sampled_from([(), (1,), (3,), (2, 2)]), st.integers(1, 4))
def test_any_column_round_trips(data: st.DataObject, datatype: str, shape: tuple[int, ...], rows: int) -> None:
    if datatype == "BYTES":
        count = rows * prod(shape)
        words = data.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=count, max_size=count))
        array = np.array(words, object).reshape(rows, *shape)
    else:
        array = data.draw(arrays.arrays(DTYPES[datatype], (rows, *shape)))
    type_ = pa.string() if datatype == "BYTES" else pa.from_numpy_dtype(array.dtype)
    column = lists(array.tolist(), *shape, of=type_)
    if not shape and datatype == "BYTES" and data.draw(st.booleans()):
        column = column.dictionary_encode()
    body = stream({"x": column}, batch_rows=data.draw(st.integers(1, 3)))
    assert equal(decoded(one(datatype, (FREE, *shape)), body)["x"], array)


def test_a_server_without_pyarrow_reports_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnsupportedMediaType, match=r"pip install 'modelyard\[arrow\]'"):
        PredictCodec("m", 1, IRIS).decode(b"", ARROW)
