"""Names of datatypes, and which models take many rows at once."""

import numpy as np
import pytest

from modelyard.tensors import DTYPES, FREE, Signature, TensorSpec, datatype_of


@pytest.mark.parametrize(("name", "dtype"), DTYPES.items())
def test_every_datatype_has_one_name_both_ways(name, dtype):
    assert datatype_of(dtype) == name


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("<U7", "BYTES"), ("S3", "BYTES"), ("O", "BYTES"), (">f4", "FP32"), ("<i8", "INT64"), (">u2", "UINT16")],
)
def test_strings_of_any_width_and_numbers_of_any_byte_order_have_a_name(dtype, name):
    assert datatype_of(np.dtype(dtype)) == name


@pytest.mark.parametrize("dtype", ["c16", "M8[s]", "m8[ns]", "V4", [("a", "f4")]])
def test_what_the_protocol_cannot_carry_has_no_name(dtype):
    with pytest.raises(KeyError):
        datatype_of(np.dtype(dtype))


@pytest.mark.parametrize(
    ("inputs", "outputs", "rowwise"),
    [
        ([(FREE, 4)], [(FREE,)], True),
        ([(FREE,), (FREE, 3)], [(FREE, 2), (FREE,)], True),
        ([(FREE, 4)], [(3,)], False),
        ([(1, 4)], [(FREE,)], False),
        ([(FREE, 4), ()], [(FREE,)], False),
        ([(FREE, 4)], [()], False),
        ([(4, FREE)], [(FREE,)], False),
    ],
)
def test_a_model_takes_many_rows_if_the_first_axis_is_free_everywhere(inputs, outputs, rowwise):
    specs = [tuple(TensorSpec("x", "FP32", shape) for shape in shapes) for shapes in (inputs, outputs)]
    assert Signature(*specs).rowwise is rowwise
