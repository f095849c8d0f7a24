"""Both bounds of every integer datatype are valid, and the next number beyond is not, in every format."""

import math

import numpy as np
import orjson
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.values import conversion
from modelyard.tensors import DTYPES, Array
from tests.unit.protocols.samples import decoded, one

BOUNDS = {
    "INT8": (-128, 127),
    "INT16": (-32768, 32767),
    "INT32": (-2147483648, 2147483647),
    "INT64": (-9223372036854775808, 9223372036854775807),
    "UINT8": (0, 255),
    "UINT16": (0, 65535),
    "UINT32": (0, 4294967295),
    "UINT64": (0, 18446744073709551615),
}
"""Literals, so that an error in the code's computation is not repeated here."""
EXTREMES = [(name, value) for name, bounds in BOUNDS.items() for value in bounds]
BEYOND = [(name, value) for name, (low, high) in BOUNDS.items() for value in (low - 1, high + 1)]
MAX_EXACT = 2**53


def test_every_integer_datatype_has_its_bounds_here():
    assert set(BOUNDS) == {name for name, dtype in DTYPES.items() if dtype.kind in "iu"}


def by_oip(datatype: str, value: object) -> Array:
    tensor = {"name": "x", "datatype": datatype, "shape": [1], "data": [value]}
    return InferCodec("m", 1, one(datatype)).decode(orjson.dumps({"inputs": [tensor]}), b"").request.inputs["x"]


@pytest.mark.parametrize(("datatype", "value"), EXTREMES)
def test_a_bound_is_accepted(datatype: str, value: int):
    for array in (decoded(one(datatype), {"instances": [value]})["x"], by_oip(datatype, value)):
        assert (array.dtype, array.tolist()) == (DTYPES[datatype], [value])


@pytest.mark.parametrize(("datatype", "value"), EXTREMES)
def test_a_bound_is_accepted_among_values_that_are_read_one_by_one(datatype: str, value: int):
    array = decoded(one(datatype), {"instances": [1.0, value, True]})["x"]
    assert (array.dtype, array.tolist()) == (DTYPES[datatype], [1, value, 1])


@pytest.mark.parametrize(("datatype", "value"), [each for each in EXTREMES if abs(each[1]) <= MAX_EXACT])
def test_a_bound_is_accepted_as_a_float(datatype: str, value: int):
    assert decoded(one(datatype), {"instances": [float(value)]})["x"].tolist() == [value]


@pytest.mark.parametrize(("datatype", "value"), [each for each in BEYOND if abs(each[1]) <= MAX_EXACT])
@pytest.mark.parametrize("as_type", [int, float])
def test_a_value_beyond_a_bound_is_rejected_and_the_bounds_are_named(datatype: str, value: int, as_type: type):
    low, high = BOUNDS[datatype]
    for read in (lambda: decoded(one(datatype), {"instances": [as_type(value)]}), lambda: by_oip(datatype, value)):
        with pytest.raises(InvalidRequest) as error:
            read()
        assert f"expected a whole number from {low} to {high} ({datatype})" in error.value.message


@pytest.mark.parametrize(("datatype", "value"), [each for each in BEYOND if abs(each[1]) > MAX_EXACT])
def test_a_value_beyond_a_bound_of_eight_bytes_is_rejected(datatype: str, value: int):
    for document in (f'{{"instances": [{value}]}}', f'{{"instances": [1, {value}, true]}}'):
        with pytest.raises(InvalidRequest):
            decoded(one(datatype), document.encode())


@pytest.mark.parametrize("datatype", ["INT64", "UINT64"])
def test_a_float_is_a_whole_number_up_to_the_last_exact_one(datatype: str):
    assert decoded(one(datatype), {"instances": [float(MAX_EXACT)]})["x"].tolist() == [MAX_EXACT]
    with pytest.raises(InvalidRequest, match="written without an exponent or fraction"):
        decoded(one(datatype), {"instances": [float(MAX_EXACT + 2)]})


def source_of(value: int) -> list[np.dtype[np.generic]]:
    """The datatypes that represent a whole number exactly."""
    integers = [name for name, (low, high) in BOUNDS.items() if low <= value <= high]
    floats = [name for name, limit in (("FP16", 2**11), ("FP32", 2**24), ("FP64", MAX_EXACT)) if abs(value) <= limit]
    return [DTYPES[name] for name in (*integers, *floats)]


@pytest.mark.parametrize(("datatype", "value"), EXTREMES)
def test_a_bound_is_converted_from_every_datatype_that_holds_it(datatype: str, value: int):
    for source in source_of(value):
        cast, wrong = conversion.convert(np.array([value, 0], source), DTYPES[datatype])
        assert wrong is None, source
        assert (cast.dtype, cast.tolist()) == (DTYPES[datatype], [value, 0]), source


@pytest.mark.parametrize(("datatype", "value"), BEYOND)
def test_a_value_beyond_a_bound_is_converted_from_no_datatype(datatype: str, value: int):
    for source in source_of(value):
        _, wrong = conversion.convert(np.array([0, value], source), DTYPES[datatype])
        assert wrong is not None, source
        assert wrong.tolist() == [False, True], source


@pytest.mark.parametrize("datatype", BOUNDS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.5])
def test_what_is_no_whole_number_is_converted_to_no_integer(datatype: str, value: float):
    _, wrong = conversion.convert(np.array([1, value]), DTYPES[datatype])
    assert wrong is not None
    assert wrong.tolist() == [False, True]
