"""Reading and writing raw contents, and invalid ones."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.tensors import DATATYPES, WIRE, from_raw, texts, to_raw
from modelyard.tensors import DTYPES, datatype_of
from tests.unit.protocols.samples import equal

FEW = settings(max_examples=60)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)


@FEW
@given(data=st.data(), datatype=st.sampled_from([name for name in DTYPES if name != "BYTES"]))
def test_any_array_of_numbers_round_trips(data: st.DataObject, datatype: str) -> None:
    array = data.draw(arrays.arrays(DTYPES[datatype], SHAPES))
    back = from_raw("x", datatype, array.shape, to_raw(array))
    assert equal(back, array)
    assert back.flags.writeable
    assert back.flags.aligned


@FEW
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=4))
def test_any_strings_round_trip_as_strings(values: list[str]) -> None:
    array = np.array(values, object)
    assert from_raw("x", "BYTES", array.shape, to_raw(array)).tolist() == values


@FEW
@given(st.lists(st.binary(max_size=4), max_size=4))
def test_any_bytes_round_trip(values: list[bytes]) -> None:
    array = np.array(values, object)
    back = from_raw("x", "BYTES", array.shape, to_raw(array))
    assert to_raw(back) == to_raw(array)


@settings(max_examples=200)
@given(
    st.sampled_from(DATATYPES),
    st.lists(st.integers(0, 3) | st.sampled_from([2**31, 2**62]), max_size=4),
    st.binary(max_size=30),
)
def test_any_raw_contents_become_a_tensor_or_are_rejected(datatype: str, shape: list[int], raw: bytes) -> None:
    try:
        array = from_raw("x", datatype, shape, raw)
    except InvalidRequest as rejected:
        assert "'x'" in rejected.message
    else:
        assert array.shape == tuple(shape)


def test_each_value_is_a_string_if_it_is_utf_8() -> None:
    assert texts([b"caf\xc3\xa9", b""]).tolist() == ["café", ""]
    assert texts([b"cafe", b"\xff"]).tolist() == ["cafe", b"\xff"]


def test_a_bf16_is_read_as_the_fp32_of_its_value() -> None:
    raw = np.array([0x3F80, 0xC000, 0x7F80, 0x3EAB], "<u2").tobytes()
    array = from_raw("x", "BF16", [2, 2], raw)
    assert array.dtype == np.float32
    assert array.tolist() == [[1.0, -2.0], [float("inf"), 0.333984375]]


def test_a_bool_is_the_byte_0_or_1() -> None:
    assert from_raw("x", "BOOL", [3], b"\0\1\0").tolist() == [False, True, False]
    assert from_raw("x", "BOOL", [2, 0], b"").shape == (2, 0)


@pytest.mark.parametrize("array", [np.array([[1, 2]], ">i4"), np.array([[1, 0], [2, 0]], "<i4").T[:1]])
def test_any_order_in_memory_is_written_row_by_row_and_little_end_first(array: Any) -> None:
    assert to_raw(array) == b"\x01\0\0\0\x02\0\0\0"


@pytest.mark.parametrize("array", [np.array(["ab"]), np.array([b"ab"]), np.array(["ab"], object)])
def test_every_kind_of_string_is_written_with_its_length(array: Any) -> None:
    assert datatype_of(array.dtype) == "BYTES"
    assert to_raw(array) == b"\x02\0\0\0ab"


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "message"),
    [
        ("FP32", [2], b"\0" * 7, "FP32 of shape [2] needs 8 bytes, got 7"),
        ("FP32", [2**62, 2**62], b"\0" * 8, f"needs {2**126} bytes, got 8"),
        ("INT8", [0, 2**62, 2**62], b"", "is too large"),
        ("BOOL", [2], b"\0\x02", "a BOOL must be the byte 0 or 1, got 2"),
        ("BYTES", [1], b"\x01\0\0", "3 bytes at its end are too few for the length"),
        ("BYTES", [2], b"\x01\0\0\0a\x01\0", "'x': 2 bytes at its end are too few for the length"),
        ("BYTES", [1], b"\x05\0\0\0abc", "a BYTES value of 5 bytes exceeds the contents by 2 bytes"),
        ("BYTES", [1], b"\xff\xff\xff\xff", f"a BYTES value of {2**32 - 1} bytes exceeds"),
        ("BYTES", [2], struct.pack("<I", 0), "shape [2] needs 2 values, got 1 value"),
        ("BYTES", [0, 2**62, 2**62], b"", "is too large"),
    ],
)
def test_contents_that_do_not_match_are_rejected(datatype: str, shape: list[int], raw: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        from_raw("x", datatype, shape, raw)
    assert message in rejected.value.message
    assert rejected.value.message.startswith("input 'x': ")


def test_every_datatype_but_bytes_has_its_size() -> None:
    sizes = {name: WIRE[name].itemsize for name in DATATYPES if name != "BYTES"}
    assert sizes == {
        "BOOL": 1, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8,
        "FP16": 2, "FP32": 4, "FP64": 8, "BF16": 2,
    }  # fmt: skip
