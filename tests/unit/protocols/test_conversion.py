"""Numbers are converted to another type only if no value changes."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.protocols.values.conversion import (
    convert,
    convert_with_missing,
    convertible,
    first_mismatch_message,
    lossless,
    mismatch_message,
)
from modelyard.protocols.values.datatypes import MAX_EXACT_INTEGER
from modelyard.tensors import DTYPES, Array

NUMBERS = [name for name, dtype in DTYPES.items() if dtype.kind in "iuf"]
SOURCES = ["BOOL", *NUMBERS]


def exact(value: Any) -> Any:
    """A value that can be compared without rounding: a fraction, or a string for NaN and infinity."""
    number = value.item()
    return Fraction(number) if np.isfinite(number) else str(number)


def fits(value: Any, target: np.dtype[Any]) -> bool:
    """Whether the target represents the value, computed with fractions."""
    if not np.isfinite(value):
        return target.kind == "f"
    number = Fraction(value.item())
    if target.kind in "iu":
        limits = np.iinfo(target)
        doubtful = isinstance(value.item(), float) and abs(number) > MAX_EXACT_INTEGER
        return number.denominator == 1 and int(limits.min) <= number <= int(limits.max) and not doubtful
    with np.errstate(over="ignore"):
        try:
            cast = target.type(float(number)) if Fraction(float(number)) == number else None
        except OverflowError:
            return False
    return cast is not None and bool(np.isfinite(cast)) and Fraction(float(cast)) == number


EDGES: dict[str, list[Any]] = {
    "INT64": [2**63 - 1, -(2**63), 2**53, 2**53 + 1, -(2**53) - 1, 2**24 + 1, 2**62, 2**31],
    "UINT64": [2**64 - 1, 2**63, 2**53 + 1, 2**64 - 1024, 2**32],
    "INT32": [2**31 - 1, 2**24 + 1, -(2**31)],
    "UINT32": [2**32 - 1, 2**31],
    "FP64": [0.1, -0.0, 2.0**53, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e39, 65504, 65520, 5e-324, np.nan, np.inf, -np.inf],
    "FP32": [0.1, -0.0, 2.0**24, 2.0**63, 65520, 1e-45, np.nan, np.inf],
    "FP16": [0.1, -0.0, 2048, 65504, np.nan, -np.inf],
}


@st.composite
def drawn(draw: st.DrawFn, source: str) -> Array:
    dtype = DTYPES[source]
    values = draw(arrays.arrays(dtype, (draw(st.integers(0, 3)),)))
    return np.concatenate([values, np.array(EDGES.get(source, [0, 1]), dtype)])


@pytest.mark.parametrize("target", NUMBERS)
@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=5)
@given(data=st.data())
def test_a_converted_value_stays_the_same_or_is_reported(source: str, target: str, data: st.DataObject) -> None:
    assert_exact_or_reported(data.draw(drawn(source)), source, target)


@pytest.mark.parametrize("target", NUMBERS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_value_at_the_edge_of_a_datatype_stays_the_same_or_is_reported(source: str, target: str) -> None:
    values = np.array(EDGES.get(source, [0, 1]), DTYPES[source])
    assert_exact_or_reported(values, source, target)
    for value in values:
        assert_exact_or_reported(np.array([value]), source, target)


def assert_exact_or_reported(values: Array, source: str, target: str) -> None:
    cast, wrong = convert(values, DTYPES[target])
    assert (cast.dtype, cast.shape) == (DTYPES[target], values.shape)
    mask = np.zeros(values.shape, bool) if wrong is None else wrong
    for value, became, is_wrong in zip(values, cast, mask, strict=True):
        assert bool(is_wrong) == (not fits(value, DTYPES[target])), (value, became)
        assert is_wrong or exact(value) == exact(became)
    if lossless(DTYPES[source], DTYPES[target]):
        assert wrong is None


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("BOOL", {*NUMBERS}),
        ("INT8", {"INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"}),
        ("UINT8", {"UINT8", "UINT16", "UINT32", "UINT64", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"}),
        ("INT32", {"INT32", "INT64", "FP64"}),
        ("INT64", {"INT64"}),
        ("UINT64", {"UINT64"}),
        ("FP16", {"FP16", "FP32", "FP64"}),
        ("FP64", {"FP64"}),
    ],
)
def test_a_conversion_is_lossless_if_the_target_has_every_value(source: str, targets: set[str]) -> None:
    assert {target for target in NUMBERS if lossless(DTYPES[source], DTYPES[target])} == targets


@pytest.mark.parametrize("target", ["FP32", "FP64"])
def test_the_sign_of_zero_stays_among_floats(target: str) -> None:
    cast, _ = convert(np.array([-0.0], np.float16), DTYPES[target])
    assert np.signbit(cast).all()


def test_rounded_floats_may_lose_digits_but_never_become_infinite() -> None:
    cast, wrong = convert(np.array([0.1, 1e39, np.inf]), DTYPES["FP32"], rounded=True)
    assert cast[0] == np.float32(0.1)
    assert wrong is not None
    assert wrong.tolist() == [False, True, False]


def test_floats_are_converted_exactly_unless_they_may_be_rounded() -> None:
    for _, wrong in (
        convert(np.array([0.1]), DTYPES["FP32"]),
        convert_with_missing(np.array([0.1]), "FP64", "FP32", missing=True),
    ):
        assert wrong is not None
        assert wrong.tolist() == [True]


def test_the_message_says_what_was_expected() -> None:
    assert mismatch_message(300, "INT8") == "expected a whole number from -128 to 127 (INT8), got the number 300"
    assert mismatch_message(0.1, "FP32") == "expected a number that FP32 holds exactly, got the number 0.1"
    values = np.array([[1.0, 2.0], [3.0, 0.1]])
    assert first_mismatch_message(values == 0.1, values, "FP32").endswith("got the number 0.1 at [1, 1]")
    assert first_mismatch_message(values > 1, values, "FP32").endswith("at [0, 1]")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("BYTES", "BYTES", True),
        ("BOOL", "BOOL", True),
        ("BOOL", "INT8", True),
        ("BOOL", "FP16", True),
        ("INT8", "BOOL", False),
        ("FP64", "BOOL", False),
        ("BYTES", "BOOL", False),
        ("BYTES", "FP32", False),
        ("INT64", "BYTES", False),
        ("FP64", "INT8", True),
    ],
)
def test_strings_and_booleans_are_never_converted_from_other_types(source: str, target: str, expected: bool) -> None:
    assert convertible(source, target) is expected


@pytest.mark.parametrize(
    ("values", "source", "target", "missing", "expected"),
    [
        ([1, None], "INT64", "FP64", False, [1.0, "nan"]),
        ([True, None], "BOOL", "FP32", False, [1.0, "nan"]),
        ([1, None], "INT64", "INT8", True, [1, None]),
        ([1.0, np.nan], "FP64", "INT64", True, [1, None]),
        ([True, None], "BOOL", "INT64", True, [1, None]),
    ],
)
def test_a_missing_value_stays_missing(
    values: list[Any], source: str, target: str, missing: bool, expected: list[Any]
) -> None:
    array = np.array(values, object if None in values else DTYPES[source])
    cast, wrong = convert_with_missing(array, source, target, missing=missing)
    assert wrong is None
    assert [str(value) if value != value else value for value in cast.tolist()] == expected


def test_nan_is_not_an_integer_unless_values_may_be_missing() -> None:
    _, wrong = convert_with_missing(np.array([1.0, np.nan]), "FP64", "INT64", missing=False)
    assert wrong is not None
    assert wrong.tolist() == [False, True]
