"""Arrow arrays as numpy arrays, what they cost, and the conversion of a column."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.arrow.arrays import ByteBudget, kind_of, read_values
from modelyard.protocols.predict.arrow.columns import Column
from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.row_layout import Feature


def nested(axes: int) -> Any:
    type_ = pa.int8()
    for _ in range(axes):
        type_ = pa.list_(type_, 1)
    return type_


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (pa.dictionary(pa.int8(), pa.string()), "strings"),
        (pa.dictionary(pa.int8(), pa.dictionary(pa.int8(), pa.string())), None),
        (pa.dictionary(pa.int8(), nested(1)), None),
        (nested(32), "numbers"),
        (nested(33), None),
        (pa.date32(), None),
    ],
)
def test_a_column_has_a_kind_if_it_is_supported(type_: Any, kind: str | None) -> None:
    assert kind_of(type_) == kind


@pytest.mark.parametrize(
    ("array", "size_bytes"),
    [
        (pa.nulls(8), 1),
        (pa.nulls(9), 2),
        (pa.array([1, 2], pa.int32()), 8),
        (pa.array(["abc", "", "de"], pa.string_view()), 3 * 16 + 5),
        (pa.array(["abc", "", "de"], pa.string_view())[2:], 16 + 2),
        (pa.array(["abc", "", "de"], pa.string_view())[:1], 16 + 3),
    ],
)
def test_an_array_costs_its_bytes(array: Any, size_bytes: int) -> None:
    budget = ByteBudget(size_bytes)
    read_values(array, budget)
    assert budget.left_bytes == 0
    with pytest.raises(InvalidRequest, match="claim more values than its bytes hold"):
        read_values(array, ByteBudget(size_bytes - 1))


@pytest.mark.parametrize("type_", [pa.int32(), pa.float64(), pa.bool_()])
def test_an_empty_array_keeps_its_type(type_: Any) -> None:
    values, missing = read_values(pa.array([], type_), ByteBudget(0))
    assert (values.dtype, values.shape, missing.shape) == (type_.to_pandas_dtype(), (0,), (0,))


def test_an_index_behind_the_only_entry_of_a_dictionary_is_rejected() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a"]), safe=False)
    with pytest.raises(InvalidRequest, match="an index is outside of its dictionary"):
        read_values(array, ByteBudget(100))


def converted(values: Any, missing: Any, datatype: str, kind: Any, *, optional: bool = False) -> tuple[Any, list[str]]:
    """The values of a column for a feature, and its bad values."""
    bad = BadValues()
    feature = Feature("x", (), "x", datatype, False, optional)
    column = Column(kind, "its type", np.array(values), np.array(missing))
    array = column.converted(feature, "/x", bad)
    try:
        bad.raise_if_any()
    except InvalidRequest as error:
        return array, [f"{each.pointer}: {each.message}" for each in error.bad_values]
    return array, []


def test_missing_and_wrong_values_of_a_column_are_reported_one_by_one() -> None:
    _, messages = converted([1.0, 1.5, 2.5, 7.0], [False, True, False, False], "INT8", "numbers")
    assert messages == [
        "/x/1: expected a whole number, got null",
        "/x/2: expected a whole number, got the number 2.5",
    ]


def test_a_missing_value_is_not_wrong_whatever_its_bytes_are() -> None:
    array, messages = converted([1.0, 1.5], [False, True], "INT8", "numbers", optional=True)
    assert (array.tolist(), messages) == ([1, None], [])
    array, messages = converted([1.0, 1e39], [False, True], "FP32", "numbers")
    assert (array[0], bool(np.isnan(array[1])), messages) == (1.0, True, [])


def test_bytes_are_text_only_if_all_of_a_column_are() -> None:
    utf_8, other = np.array([[b"a", "b"]], object), np.array([[b"a", b"\xff"]], object)
    for values, expected in ((utf_8, [["a", "b"]]), (other, [[b"a", b"\xff"]])):
        array, messages = converted(values, [[False, False]], "BYTES", "strings")
        assert (array.tolist(), messages) == (expected, [])


def test_a_column_of_another_kind_is_one_bad_value() -> None:
    _, messages = converted([1, 2], [False, False], "BYTES", "numbers")
    assert messages == ["/x: expected a column of strings (BYTES), got one of its type"]
