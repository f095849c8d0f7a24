"""Properties of the predict codec for any signature, any tensors and any bytes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.http.problem import problem
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.predict.example import example_body
from modelyard.protocols.predict.responses import jsonable
from modelyard.protocols.predict.row_formats import ListRows, ObjectRows, RowFormat, SingleInputRows, read_checked
from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.row_layout import layout_by_column, layout_by_input
from modelyard.tensors import DTYPES, FREE, Array, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS, MIXED, NAMELESS, TEXT, WHOLE, decoded, equal, same

# No test here waits, so a slow example is caused by another process and is not a failure.
FEW = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(FEW, max_examples=200)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
BYTES = st.binary(max_size=3).filter(lambda value: b"\xff" in value)  # other bytes are text to JSON
NAMES = st.lists(TEXTS, min_size=1, max_size=3, unique=True)


def array_of(draw: st.DrawFn, datatype: str, shape: tuple[int, ...]) -> Array:
    dtype = DTYPES[datatype]
    if datatype == "BYTES":
        array = np.empty(shape, object)
        for index in np.ndindex(shape):
            array[index] = draw(TEXTS | BYTES)
        return array
    elements = arrays.from_dtype(dtype, allow_infinity=False, allow_nan=True) if dtype.kind == "f" else None
    return draw(arrays.arrays(dtype, shape, elements=elements))


@st.composite
def requests(draw: st.DrawFn, *, rowwise: bool) -> tuple[Signature, Tensors]:
    """A signature and valid tensors."""
    rows = draw(st.integers(1, 3))
    specs: list[TensorSpec] = []
    tensors: Tensors = {}
    columns = draw(st.lists(TEXTS, min_size=9, max_size=9, unique=True))
    for name in draw(NAMES):
        lengths = draw(st.lists(st.integers(1 if rowwise else 0, 3), max_size=2 if rowwise else 3))
        free = draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
        axes = [FREE if any_length else length for length, any_length in zip(lengths, free, strict=True)]
        named = rowwise and len(lengths) == 1 and draw(st.booleans())
        own = tuple(columns.pop() for _ in range(lengths[0])) if named else ()
        shape = (FREE, *axes) if rowwise else tuple(axes)
        datatype = draw(st.sampled_from(list(DTYPES)))
        # JSON cannot express the lengths of axes after an empty axis.
        after_empty = [0 if 0 in lengths[:at] and axes[at] == FREE else length for at, length in enumerate(lengths)]
        tensors[name] = array_of(draw, datatype, (rows, *lengths) if rowwise else tuple(after_empty))
        specs.append(TensorSpec(name, datatype, shape, own))
    output = TensorSpec("y", "FP32", (FREE,) if rowwise else (1,))
    return Signature(tuple(specs), (output,)), tensors


def plain(array: Array) -> Any:
    """The array as `json.loads` returns it."""
    return orjson.loads(orjson.dumps(jsonable(array), option=orjson.OPT_SERIALIZE_NUMPY))


@FEW
@given(requests(rowwise=False) | requests(rowwise=True))
def test_inputs_round_trip(request: tuple[Signature, Tensors]) -> None:
    signature, tensors = request
    assert same(decoded(signature, {"inputs": {name: plain(array) for name, array in tensors.items()}}), tensors)


@FEW
@given(requests(rowwise=True))
def test_instances_round_trip(request: tuple[Signature, Tensors]) -> None:
    signature, tensors = request
    if layout_by_column(signature).names.isdisjoint(tensors):
        rows = [dict(zip(tensors, row, strict=True)) for row in zip(*map(plain, tensors.values()), strict=True)]
        assert same(decoded(signature, {"instances": rows}), tensors)
    assert same(decoded(signature, example_body(signature, tensors)), tensors)
    if len(tensors) == 1:
        [array] = tensors.values()
        assert same(decoded(signature, {"instances": plain(array)}), tensors)


EDGES = [65519.9, 65520.0, 3.4028235677973365e38, 3.4028235677973366e38, 1e39, 2.0**53, 2.0**60, -0.0]
"""Around the largest numbers of FP16 and FP32, and the largest exact integers."""
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-300, 300),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(EDGES),
    TEXTS,
)
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=8
)
SHAPES = st.lists(st.sampled_from([FREE, 1, 2]), max_size=3).map(tuple)


@st.composite
def nearly(draw: st.DrawFn) -> tuple[str, tuple[int, ...], Any]:
    """A datatype, a shape, and JSON that often matches them."""
    shape = draw(SHAPES)
    value: st.SearchStrategy[Any] = draw(st.sampled_from([PLAIN, ANYTHING, st.just(1), st.just(1.5), st.just("a")]))
    for length in reversed(shape):
        size = draw(st.integers(0, 2)) if length == FREE else length
        value = st.lists(value, min_size=size, max_size=size)
    return draw(st.sampled_from(list(DTYPES))), shape, draw(value)


@MANY
@given(nearly())
@example(("FP32", (FREE,), [3.4028235677973366e38]))
@example(("BYTES", (), "a"))
@example(("BOOL", (), {}))
@example(("BOOL", (), ""))
@example(("BYTES", (FREE,), "ab"))
@example(("FP32", (FREE, FREE), [{}]))
@example(("BYTES", (FREE, FREE), ["ab"]))
@example(("INT64", (FREE, FREE, FREE), [[""]]))
def test_the_fast_and_the_checked_parser_return_the_same(case: tuple[str, tuple[int, ...], Any]) -> None:
    datatype, shape, value = case
    reader = ArrayReader(datatype, shape, missing=False)
    quick = reader.parse_fast(value)
    if quick is not None:
        bad = BadValues()
        slow = reader.checked_parser(bad)
        slow.add(value, "")
        assert bad.count == 0
        assert equal(quick, slow.array())


def where(index: int) -> str:
    return f"/{index}"


FORMS: list[Callable[[Any], RowFormat]] = [
    lambda rows: ObjectRows(layout_by_column(MIXED).present(()), rows, where),
    lambda rows: ObjectRows(layout_by_input(IRIS), rows, where),
    lambda rows: ListRows(layout_by_column(MIXED).present(()), rows, where, [2, 0, 1, 3], ["/0", "/1", "/2", "/3"]),
    lambda rows: ListRows(layout_by_column(IRIS), rows, where, [0, 1, 2, 3], ["/0", "/1", "/2", "/3"]),
    lambda rows: SingleInputRows(layout_by_column(TEXT), rows, where),
    lambda rows: SingleInputRows(layout_by_column(NAMELESS), rows, where),
]
CELL = st.sampled_from([1, 2.5, None, "a", True, [1], ["a"], [1, 2], [1, 2, 3, 4], {}])
ROWS = st.one_of(
    st.fixed_dictionaries({"age": CELL, "income": CELL, "city": CELL, "member": CELL}),
    st.fixed_dictionaries({"X": CELL}),
    st.lists(CELL, min_size=4, max_size=4),
    CELL,
)


@MANY
@given(st.sampled_from(FORMS), st.lists(ROWS, min_size=1, max_size=2))
@example(FORMS[0], [{"age": 1, "income": 2.5, "city": "a", "member": True}])
@example(FORMS[1], [{"X": [1, 2, 3, 4]}])
@example(FORMS[2], [[1, "a", 2.5, True]])
@example(FORMS[3], [[1, 2.5, None, 1]])
@example(FORMS[4], ["a", "b"])
@example(FORMS[5], [[1, 2]])
def test_every_row_format_is_parsed_the_same_in_both_ways(make: Callable[[Any], RowFormat], rows: list[Any]) -> None:
    form = make(rows)
    quick = form.parse_fast()
    if quick is not None:
        assert same(quick, read_checked(form))


CODECS = [PredictCodec("m", 1, signature) for signature in (IRIS, TEXT, MIXED, IMAGE, NAMELESS, FIXED, WHOLE)]
DOCUMENTS = st.dictionaries(
    st.sampled_from(["instances", "inputs", "dataframe_split", "dataframe_records", "outputs", "probabilities"]),
    st.one_of(
        st.lists(ROWS, max_size=3),
        ANYTHING,
        st.fixed_dictionaries({"columns": ANYTHING, "data": st.lists(ROWS, max_size=2)}),
        st.dictionaries(
            st.sampled_from(["X", "x", "text", "age", "matrix", "scale", "image"]), ANYTHING | st.lists(ROWS)
        ),
    ),
    max_size=2,
)


@MANY
@given(st.sampled_from(CODECS), DOCUMENTS.map(orjson.dumps) | ANYTHING.map(orjson.dumps) | st.binary(max_size=30))
def test_any_json_body_is_decoded_or_rejected(codec: PredictCodec, body: bytes) -> None:
    attempt(codec, body, b"application/json")


LINES = st.lists(
    st.lists(st.sampled_from(["1", "", "a", '"', "x", "text", "age", "1e999", "9" * 30]) | TEXTS, max_size=4).map(
        ",".join
    )
)


@MANY
@given(st.sampled_from(CODECS), LINES.map(lambda lines: "\n".join(lines).encode()) | st.binary(max_size=30))
def test_any_csv_body_is_decoded_or_rejected(codec: PredictCodec, body: bytes) -> None:
    attempt(codec, body, b"text/csv")


@FEW
@given(st.binary(max_size=40))
def test_any_content_type_is_accepted_or_rejected(content_type: bytes) -> None:
    attempt(CODECS[0], b'{"instances": [[1, 2, 3, 4]]}', content_type)


def attempt(codec: PredictCodec, body: bytes, content_type: bytes) -> None:
    """Decode; only client errors may be raised, and they must be serializable as JSON."""
    try:
        call = codec.decode(body, content_type)
    except ModelyardError as error:
        assert problem(error, "r", "/").status in (400, 415)
        if isinstance(error, InvalidRequest):
            assert all(bad.pointer == "" or bad.pointer.startswith("/") for bad in error.bad_values)
    else:
        assert call.request.rows >= 1
