"""The two ways in which nested lists become an array. The fast one must not give up on valid values: it exists for speed."""

from typing import Any

import numpy as np
import pytest

from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.bad_values import BadValues
from modelyard.tensors import DTYPES, FREE, Array


@pytest.mark.parametrize(
    ("datatype", "shape", "values", "found"),
    [
        ("FP32", (FREE,), [1.5, 2], (2,)),
        ("FP32", (FREE,), [1.5] * 100, (100,)),
        ("FP16", (FREE, 2), [[1, 2], [3, None]], (2, 2)),
        ("FP64", (2,), [1, 2], (2,)),
        ("FP64", (2, FREE), [[1], [2]], (2, 1)),
        ("INT8", (), 5, ()),
        ("BYTES", (FREE, FREE), [["a", "b"]], (1, 2)),
    ],
)
def test_valid_values_are_parsed_at_once(datatype: str, shape: tuple[int, ...], values: Any, found: Any) -> None:
    array = ArrayReader(datatype, shape, missing=False).parse_fast(values)
    assert array is not None
    assert (array.dtype, array.shape) == (DTYPES[datatype], found)


@pytest.mark.parametrize(
    ("datatype", "shape", "values"),
    [
        ("FP32", (FREE,), ["1"]),
        ("FP32", (FREE,), [1e39]),
        ("FP32", (FREE,), [1.0] * 100 + [1e39]),
        ("FP32", (2,), [1, 2, 3]),
        ("FP32", (FREE, 2), [[1, 2, 3]]),
        ("INT8", (FREE,), [128]),
        ("INT8", (FREE,), [None]),
        ("BOOL", (FREE,), [1]),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_other_values_are_left_to_the_checked_parser(datatype: str, shape: tuple[int, ...], values: Any) -> None:
    assert ArrayReader(datatype, shape, missing=False).parse_fast(values) is None


def checked(datatype: str, shape: tuple[int, ...], values: Any, *, missing: bool = False) -> Array:
    bad = BadValues()
    parser = ArrayReader(datatype, shape, missing=missing).checked_parser(bad)
    parser.add(values, "")
    bad.raise_if_any()
    return parser.array()


def test_without_a_missing_value_the_checked_array_has_the_declared_type() -> None:
    assert checked("INT64", (FREE,), [1.0, 2], missing=True).dtype == np.int64
    assert checked("INT64", (FREE,), [1.0, None], missing=True).tolist() == [1, None]


def test_an_axis_without_a_list_has_no_values() -> None:
    assert checked("FP32", (FREE, FREE, 2), []).shape == (0, 0, 2)
