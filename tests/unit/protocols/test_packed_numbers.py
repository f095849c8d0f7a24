"""Numbers that are packed in one step: the same arrays, bit for bit, and the same errors as without packing."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.predict.codec import InvocationsCodec, PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.protocols.values import packing
from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.packing import is_large, packed
from modelyard.tensors import DTYPES, FREE, Array, Signature, Tensors, TensorSpec
from tests.unit.protocols.mutations import mutated
from tests.unit.protocols.samples import FEATURES, IRIS, MIXED, NAMELESS, VALUE, one

MANY = settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = [name for name, dtype in DTYPES.items() if dtype.kind in "fiu"]
SHAPES = [(FREE,), (3,), (FREE, 2), (2, FREE), (FREE, 2, 2), (1, FREE, 1)]
NEVER = 10**9


@contextmanager
def from_values(count: int) -> Iterator[None]:
    """Pack arrays of this many values or more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "MIN_VALUES", count)
        yield


Bits = tuple[str, tuple[int, ...], bytes]


def bits(array: Array) -> Bits:
    content = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return array.dtype.str, array.shape, content


def parsed(datatype: str, shape: tuple[int, ...], values: Any, *, missing: bool) -> Bits | None:
    array = ArrayReader(datatype, shape, missing=missing).parse_fast(values)
    return None if array is None else bits(array)


LIMITS = [limit + step for limit in (0, 2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**63, 2**64) for step in (-1, 0, 1)]
INTEGERS = st.sampled_from([number for limit in LIMITS for number in (limit, -limit) if -(2**63) <= number < 2**64])
ROUNDED = st.sampled_from([2**24 + 1, 2**53 + 1, 2**60 + 2**36 + 1, 2**61 + 2**37 - 1, -(2**60) - 2**36 - 1])
"""Integers that a float of some precision does not hold."""
EDGES = st.sampled_from(
    [65519.9, 65520.0, 3.4028235677973365e38, 3.4028235677973366e38, 1e39, -0.0, 5e-324, 6e-8, 2.98e-8, 1e-45, 1.7e308]
)
"""Around the largest and the smallest numbers of FP16, FP32 and FP64."""
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
OTHERS = st.sampled_from([None, True, False, "1", "", "a", [], [1], [1, 2], {}, {"a": 1}, {"a": 1, "b": 2}])
PALETTES = st.sampled_from(
    [INTEGERS, st.integers(-3, 130), ROUNDED, EDGES, FLOATS, FLOATS | INTEGERS, FLOATS | st.none(), EDGES | OTHERS]
)


@st.composite
def lists(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Nested lists of this shape: of numbers of one kind, perhaps with one other value or a list of another length."""
    value = draw(PALETTES)
    for length in reversed(shape):
        size = draw(st.integers(0, 4)) if length == FREE else length
        value = st.lists(value, min_size=size, max_size=size)
    values = draw(value)
    if draw(st.integers(0, 2)) == 0:
        spoil(values, draw)
    return values


def spoil(values: Any, draw: st.DrawFn) -> None:
    """Change one value, or the length of one list."""
    target = values
    while type(target) is list and target and type(target[-1]) is list and draw(st.booleans()):
        target = target[-1]
    if type(target) is list and target:
        if draw(st.booleans()):
            target[draw(st.integers(0, len(target) - 1))] = draw(OTHERS)
        else:
            target.append(draw(OTHERS | st.just(1)))


CASES = st.sampled_from(SHAPES).flatmap(
    lambda shape: st.tuples(st.sampled_from([*NUMBERS, "BOOL"]), st.just(shape), lists(shape))
)


@MANY
@given(CASES, st.booleans())
@example(("FP32", (FREE, 2), [[1, 2], [3]]), False)
@example(("FP32", (FREE, 2), [[1, 2, 3], [4]]), False)
@example(("FP32", (FREE, 2), ["ab", "cd"]), False)
@example(("FP32", (FREE, 2), [{"a": 1, "b": 2}]), False)
@example(("FP32", (FREE, 2), {"ab": 1}), False)
@example(("FP16", (FREE,), [65520.0]), False)
@example(("INT64", (FREE,), [1, None]), True)
@example(("INT64", (FREE,), [1, None]), False)
@example(("BOOL", (FREE,), [True, 1]), False)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_packing_changes_no_array_and_no_refusal(case: tuple[str, tuple[int, ...], Any], missing: bool) -> None:
    datatype, shape, values = case
    with from_values(1):
        quick = parsed(datatype, shape, values, missing=missing)
    with from_values(NEVER):
        assert quick == parsed(datatype, shape, values, missing=missing)


@pytest.mark.parametrize("datatype", NUMBERS)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_many_numbers_of_every_size_are_packed_as_numpy_rounds_them(datatype: str) -> None:
    dtype = DTYPES[datatype]
    pick = np.random.default_rng(7)
    if dtype.kind == "f":
        top = np.finfo(dtype).max
        doubles = pick.integers(0, 2**64, 40_000, np.uint64).view(np.float64)
        values: list[Any] = doubles[np.abs(doubles) < float(top)].tolist()
        values += (pick.standard_normal(20_000) * pick.choice([1e-8, 1e-5, 1, 100], 20_000)).tolist()
        values += pick.integers(-(2**63), 2**63, 5_000).tolist() if top > 1e30 else [*range(-2049, 2050)]
    else:
        limits = np.iinfo(dtype)
        values = pick.integers(limits.min, limits.max, 40_000, dtype, endpoint=True).tolist()
        values += [int(limits.min), int(limits.max), True, False]
    quick = packed(values, 1, dtype)
    assert quick is not None
    assert bits(quick) == bits(np.asarray(values, dtype))


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_null_among_floats_is_the_same_nan(datatype: str) -> None:
    values = [[1.5, None], [None, 2]]
    quick = packed(values, 2, DTYPES[datatype])
    assert quick is not None
    assert bits(quick) == bits(np.asarray(values, DTYPES[datatype]))


@pytest.mark.parametrize(
    ("values", "axes"),
    [([1.5] * 16, 1), ([[1, 2]] * 8, 2), ([list(range(16))], 2), ([[[1] * 4] * 2] * 2, 3)],
)
def test_packing_starts_at_sixteen_values(values: Any, axes: int) -> None:
    assert is_large(values, axes)
    assert not is_large(values[:-1] if len(values) > 1 else [values[0][:-1]], axes)
    assert packed(values, axes, DTYPES["FP32"]) is not None


@pytest.mark.parametrize("value", ["1", [1], {}, None, 1.5, 300, -1])
def test_a_value_of_another_type_or_range_is_not_packed(value: Any) -> None:
    with pytest.raises((struct.error, TypeError)):
        packed([1] * 20 + [value], 1, DTYPES["UINT8"])


@pytest.mark.parametrize("values", [[], [[], []], [[1], [2, 3]], [[1, 2], []]])
def test_lists_without_values_or_of_several_lengths_are_not_packed(values: Any) -> None:
    assert packed(values, max(1, 2 * bool(values)), DTYPES["FP64"]) is None


# Whole bodies, in every protocol.

TABLE = Signature(
    tuple(TensorSpec(name, datatype, (FREE,)) for name, datatype in (("a", "FP32"), ("b", "INT16"), ("c", "FP64"))),
    (VALUE,),
)
SQUARE = one("FP32", (FREE, 2, 2))
Decode = Callable[[bytes], Tensors]


def decoders(signature: Signature) -> list[Decode]:
    predict, mlflow = PredictCodec("m", 1, signature), InvocationsCodec("m", 1, signature)
    infer, tensorflow = InferCodec("m", 1, signature), TensorflowCodec(signature)
    return [
        lambda body: predict.decode(body, b"application/json").request.inputs,
        lambda body: mlflow.decode(body, b"application/json").request.inputs,
        lambda body: infer.decode(body).request.inputs,
        lambda body: tensorflow.predict(body).request.inputs,
    ]


DECODERS = {
    name: decoders(signature)
    for name, signature in {
        "iris": IRIS,
        "mixed": MIXED,
        "nameless": NAMELESS,
        "table": TABLE,
        "square": SQUARE,
        "bytes": one("UINT8", (FREE, 4)),
        "long": one("INT64", (FREE, 4)),
    }.items()
}
ROW = [5.1, 3.5, 1.4, 0.2]
FOUR = [[1, 2, 3, 4], [250, 0, 7, 9]]
TENSOR = {"name": "X", "shape": [2, 4], "datatype": "FP32"}
BODIES = [
    orjson.dumps(document)
    for document in [
        {"instances": [ROW, ROW]},
        {"instances": FOUR},
        {"inputs": FOUR},
        {"inputs": {"X": [ROW]}},
        {"inputs": {"x": FOUR}},
        {"instances": [[[1, 2], [3, 4]]]},
        {"instances": [[1, 2.5], [3, 4]]},
        {"instances": [dict(zip(FEATURES, ROW, strict=True))]},
        {"dataframe_split": {"columns": FEATURES, "data": [ROW, ROW]}},
        {"dataframe_split": {"columns": ["c", "a", "b"], "data": [[1.5, 2, 3], [4, 5.5, 6]]}},
        {"dataframe_records": [{"a": 1.5, "b": 7, "c": 2}, {"c": 1e300, "a": 1, "b": -3}]},
        {"inputs": {"a": [1, 2], "b": [3, 4], "c": [5, 6]}},
        {"instances": [[3, 1, "Oslo", True, 7], [4, 1.5, "Bonn", False, 8]]},
        {"inputs": [{**TENSOR, "data": ROW + ROW}]},
        {"inputs": [{**TENSOR, "data": [ROW, ROW]}], "id": "7"},
        {"inputs": [{"name": "x", "shape": [2, 4], "datatype": "UINT8", "data": FOUR}]},
        {"inputs": [{"name": "x", "shape": [1, 2, 2], "datatype": "FP32", "data": [[[1, 2], [3, 4]]]}]},
    ]
] + [
    b'{ "\\u0069nstances" :\n[ [ 1 , 2e0 , 3.0E+0 , -0 ] ,\t[ -0.0 , 4 , 5 , 6 ] ] }',
    b'{"instances": [[1]], "instances": [[1, 2, 3, 4]]}',
    b'\xef\xbb\xbf{"instances": [[1, 2, 3, 4]]}',
    b'{"instances": [[18446744073709551615, 18446744073709551616, 9223372036854775808, 123456789012345678901]]}',
    b'{"instances": [[1e400, 2, 3, 4]]}',
    b'{"instances": [[NaN, 2, 3, 4]]}',
    b'{"instances": [[1, 2, 3, 4]]} x',
    b'{"instances": [[1e38, 1e39, 3.4028235677973366e38, 1e-46]]}',
    b'{"instances": ' + b"[" * 2000 + b"]" * 2000 + b"}",
]
SWAPS = [b"null", b"true", b'"1"', b"[1]", b"[]", b"{}", b"1e39", b"-1", b"256", b"1.0", b"40000", b"1e999", b"1,2"]


@st.composite
def swapped(draw: st.DrawFn) -> bytes:
    """A body with one number in place of another value, or cut."""
    body = draw(st.sampled_from(BODIES))
    digits = [at for at, byte in enumerate(body) if byte in b"0123456789"]
    if len(body) < 2000 and digits and draw(st.booleans()):
        at = draw(st.sampled_from(digits))
        return body[:at] + draw(st.sampled_from(SWAPS)) + body[at + 1 :]
    return body[: draw(st.integers(0, len(body)))]


def outcome(decode: Decode, body: bytes) -> object:
    """The bits of all arrays, or every text of the error."""
    try:
        return {name: bits(array) for name, array in decode(body).items()}
    except ModelyardError as error:
        return type(error), error.message, error.bad_values if isinstance(error, InvalidRequest) else ()


@MANY
@given(st.sampled_from(sorted(DECODERS)), st.sampled_from(BODIES) | swapped() | mutated(BODIES[:-1]))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_packing_changes_no_request_and_no_error_of_any_protocol(name: str, body: bytes) -> None:
    for decode in DECODERS[name]:
        with from_values(1):
            quick = outcome(decode, body)
        with from_values(NEVER):
            assert quick == outcome(decode, body)


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_every_signature_accepts_some_of_these_bodies(name: str) -> None:
    accepted = [body for body in BODIES for decode in DECODERS[name] if isinstance(outcome(decode, body), dict)]
    assert len(accepted) > 1
