"""Tensors of other types and shapes than declared, in every form of the protocol: accepted if the conversion is lossless."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.contents import FIELDS
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.responses import jsonable
from modelyard.tensors import DTYPES, FREE, Array, Signature, Tensors, TensorSpec, datatype_of
from tests.unit.protocols.samples import FEATURES, FIXED, IRIS, MIXED, TEXT, VALUE, equal, one, same, texts

Sent = dict[str, Array]
"""Tensors by their names in the request."""
DOUBLE = Signature((TensorSpec("x", "FP64", (FREE, 4), FEATURES),), (VALUE,))
FLOWERS = np.array([[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]])


def head(name: str, array: Array) -> dict[str, Any]:
    return {"name": name, "datatype": datatype_of(array.dtype), "shape": array.shape}


def by_json(signature: Signature, sent: Sent, *, nested: bool = False) -> Tensors:
    data = {name: jsonable(array if nested else array.reshape(-1)) for name, array in sent.items()}
    body = {"inputs": [{**head(name, array), "data": data[name]} for name, array in sent.items()]}
    return InferCodec("m", 1, signature).decode(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)).request.inputs


def by_raw_contents(signature: Signature, sent: Sent) -> Tensors:
    """Decodes twice, so that the second time uses the cache."""
    raws = [to_raw(array) for array in sent.values()]
    inputs = [
        {**head(name, array), "parameters": {"binary_data_size": len(raw)}}
        for (name, array), raw in zip(sent.items(), raws, strict=True)
    ]
    body, codec = orjson.dumps({"inputs": inputs}), InferCodec("m", 1, signature)
    first, second = [codec.decode(body + b"".join(raws), b"%d" % len(body)).request.inputs for _ in range(2)]
    assert same(first, second)
    return second


def by_grpc(signature: Signature, sent: Sent) -> Tensors:
    raws = [to_raw(array) for array in sent.values()]
    message = ModelInferRequest(inputs=[head(*each) for each in sent.items()], raw_input_contents=raws)
    return GrpcInferCodec("m", 1, signature).decode(message).request.inputs


def by_typed_contents(signature: Signature, sent: Sent) -> Tensors:
    if any(array.dtype == np.float16 for array in sent.values()):  # there are none
        return by_grpc(signature, sent)
    inputs = []
    for name, array in sent.items():
        values = [each.encode() if isinstance(each, str) else each for each in array.reshape(-1).tolist()]
        inputs.append({**head(name, array), "contents": {FIELDS[datatype_of(array.dtype)]: values}})
    return GrpcInferCodec("m", 1, signature).decode(ModelInferRequest(inputs=inputs)).request.inputs


FORMS: dict[str, Callable[[Signature, Sent], Tensors]] = {
    "json": by_json,
    "nested json": lambda signature, sent: by_json(signature, sent, nested=True),
    "raw": by_raw_contents,
    "grpc": by_grpc,
    "typed": by_typed_contents,
}
forms = pytest.mark.parametrize("read", FORMS.values(), ids=FORMS)


@forms
@pytest.mark.parametrize(
    ("declared", "array", "expected"),
    [
        ("FP64", FLOWERS[0].astype(np.float32), FLOWERS[0].astype(np.float32).astype(np.float64)),
        ("FP64", FLOWERS[0].astype(np.float16), FLOWERS[0].astype(np.float16).astype(np.float64)),
        ("FP32", np.array([0.5, -0.0, np.nan]), np.array([0.5, -0.0, np.nan], np.float32)),
        ("FP64", np.array([1, -(2**53)]), np.array([1, -(2.0**53)])),
        ("FP32", np.array([2**24, 2**31]), np.array([2.0**24, 2.0**31], np.float32)),
        ("FP64", np.array([True, False]), np.array([1.0, 0.0])),
        ("INT64", np.array([True, False]), np.array([1, 0])),
        ("INT64", np.array([3, -4], np.int8), np.array([3, -4])),
        ("INT8", np.array([3, -4]), np.array([3, -4], np.int8)),
        ("UINT64", np.array([2**63 - 1]), np.array([2**63 - 1], np.uint64)),
        ("INT64", np.array([3.0, -4.0]), np.array([3, -4])),
        ("INT8", np.array([3.0], np.float32), np.array([3], np.int8)),
    ],
)
def test_numbers_of_another_type_are_accepted_if_each_stays_the_same(
    read: Callable[..., Tensors], declared: str, array: Array, expected: Array
) -> None:
    found = read(one(declared), {"x": array})["x"]
    assert equal(found, expected)
    assert found.flags.writeable


@forms
@pytest.mark.parametrize(
    ("declared", "array", "message"),
    [
        ("FP32", np.array([0.5, 0.1]), "expected a number that FP32 holds exactly, got the number 0.1 at [1]"),
        ("FP32", np.array([1, 2**24 + 1]), "got the number 16777217 at [1]"),
        ("FP64", np.array([2**53 + 1]), "got the number 9007199254740993 at [0]"),
        ("FP64", np.array([2**63 - 1]), "got the number 9223372036854775807 at [0]"),
        ("FP16", np.array([65520.0]), "expected a number up to 65504 (FP16), got the number 65520.0 at [0]"),
        ("INT64", np.array([1.0, 2.5]), "expected a whole number, got the number 2.5 at [1]"),
        ("INT64", np.array([np.nan]), "expected a whole number, got the number nan at [0]"),
        ("INT64", np.array([2**63], np.uint64), "got the number 9223372036854775808 at [0]"),
        ("INT8", np.array([128]), "expected a whole number from -128 to 127 (INT8), got the number 128 at [0]"),
        ("UINT8", np.array([-1]), "expected a whole number from 0 to 255 (UINT8), got the number -1 at [0]"),
        ("BOOL", np.array([1], np.uint8), "input 'x': expected BOOL, got UINT8"),
        ("FP64", texts("1"), "input 'x': expected FP64, got BYTES"),
        ("BYTES", np.array([1]), "input 'x': expected BYTES, got INT64"),
    ],
)
def test_a_number_that_would_change_is_rejected(
    read: Callable[..., Tensors], declared: str, array: Array, message: str
) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        read(one(declared), {"x": array})
    assert message in rejected.value.message


@pytest.mark.parametrize("declared", ["FP32", "FP64", "INT8"])
def test_a_bf16_is_a_number_like_any_other(declared: str) -> None:
    raw = np.array([0x40400000, 0x3F800000], np.uint32).view(np.uint16)[1::2].tobytes()
    message = ModelInferRequest(inputs=[{"name": "x", "datatype": "BF16", "shape": [2]}], raw_input_contents=[raw])
    found = GrpcInferCodec("m", 1, one(declared)).decode(message).request.inputs["x"]
    assert equal(found, np.array([3, 1], DTYPES[declared]))


@forms
@pytest.mark.parametrize(
    ("shape", "sent", "expected"),
    [
        ((FREE, 1), (3,), (3, 1)),
        ((FREE,), (3, 1), (3,)),
        ((3,), (3, 1), (3,)),
        ((3, 1), (3,), (3, 1)),
        ((FREE, 3, 1), (1, 3), (1, 3, 1)),
        ((), (1,), ()),
        ((FREE,), (), (1,)),
        ((FREE, 1), (), (1, 1)),
    ],
)
def test_a_last_axis_of_length_one_is_optional(
    read: Callable[..., Tensors], shape: tuple[int, ...], sent: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert read(one("FP32", shape), {"x": np.ones(sent, np.float32)})["x"].shape == expected


@forms
@pytest.mark.parametrize(("shape", "sent"), [((FREE, 2), (2,)), ((FREE,), (1, 3)), ((FREE, FREE), (3,)), ((), (2,))])
def test_other_shapes_are_rejected(read: Callable[..., Tensors], shape: tuple[int, ...], sent: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest, match="expected shape"):
        read(one("FP32", shape), {"x": np.ones(sent, np.float32)})


@forms
@pytest.mark.parametrize("name", ["input-0", "predict", "y", "x" * 100])
def test_the_one_tensor_for_the_one_input_may_have_any_name(read: Callable[..., Tensors], name: str) -> None:
    assert equal(read(DOUBLE, {name: FLOWERS})["x"], FLOWERS)
    assert equal(read(TEXT, {name: texts("a")})["text"], texts("a"))


OPTIONAL = Signature((*DOUBLE.inputs, TensorSpec("k", "FP64", (FREE, 4), optional=True)), (VALUE,))


@forms
@pytest.mark.parametrize(
    ("signature", "sent", "message"),
    [
        (DOUBLE, {"input-0": FLOWERS, "input-1": FLOWERS}, "unknown input 'input-0'; the model has 'x'"),
        (
            DOUBLE,
            {"sepal_length": FLOWERS[:, 0]},
            "missing column 'sepal_width', 'petal_length', 'petal_width' of input 'x'",
        ),
        (OPTIONAL, {"k": FLOWERS}, "missing input 'x'"),
        (MIXED, {"input-0": np.ones((1, 2))}, "unknown input 'input-0'"),
    ],
)
def test_an_ambiguous_name_is_rejected(
    read: Callable[..., Tensors], signature: Signature, sent: Sent, message: str
) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        read(signature, sent)
    assert message in rejected.value.message


@forms
def test_each_column_may_be_a_tensor_of_its_own_type(read: Callable[..., Tensors]) -> None:
    sent = {
        "petal_width": np.array([0.5, 1.5], np.float32),
        "sepal_length": np.array([[5], [6]], np.int8),
        "sepal_width": np.array([True, False]),
        "petal_length": np.array([0.1, 0.2]),
    }
    expected = np.array([[5, 1, 0.1, 0.5], [6, 0, 0.2, 1.5]])
    found = read(DOUBLE, sent)
    assert same(found, {"x": expected})
    assert found["x"].flags.c_contiguous


@forms
def test_columns_of_one_input_may_be_sent_with_other_inputs(read: Callable[..., Tensors]) -> None:
    sent = {"city": texts("Oslo"), "income": np.array([2]), "member": np.array([True]), "age": np.array([[1.5]])}
    assert same(
        read(MIXED, sent),
        {"numbers": np.array([[1.5, 2]]), "city": texts("Oslo").reshape(1, 1), "member": np.array([True])},
    )


WIDE = {name: np.ones(2) for name in FEATURES}


@forms
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({**WIDE, "x": FLOWERS}, "duplicate input 'x': sent whole, and by its column 'sepal_length'"),
        (
            {**WIDE, "sepal_width": np.ones(3)},
            "columns of input 'x' differ in their length: 'sepal_length' has 2, 'sepal_w",
        ),
        (
            {**WIDE, "sepal_width": np.ones((1, 2))},
            "column 'sepal_width' of input 'x': expected shape [-1], got [1, 2]",
        ),
        ({**WIDE, "sepal_width": texts("a", "b")}, "input 'sepal_width': expected FP64, got BYTES"),
        (
            {**WIDE, "sepal_width": np.array([0, 2**53 + 1])},
            "input 'sepal_width': expected a number that FP64 holds exactly",
        ),
        ({**WIDE, "sepal_witdh": np.ones(2)}, "unknown input 'sepal_witdh'; did you mean 'sepal_width'?"),
    ],
)
def test_inconsistent_columns_are_rejected(read: Callable[..., Tensors], sent: Sent, message: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        read(DOUBLE, sent)
    assert message in rejected.value.message


def test_a_duplicate_column_is_rejected() -> None:
    heads = [{"name": name, "datatype": "FP64", "shape": [1], "data": [1]} for name in (*FEATURES, FEATURES[1])]
    with pytest.raises(InvalidRequest, match="duplicate column 'sepal_width'"):
        InferCodec("m", 1, DOUBLE).decode(orjson.dumps({"inputs": heads}))


@forms
def test_a_column_may_have_the_name_of_its_input(read: Callable[..., Tensors]) -> None:
    space = Signature((TensorSpec("x", "FP64", (FREE, 2), ("x", "y")),), (VALUE,))
    assert same(read(space, {"x": np.array([1.0]), "y": np.array([2.0])}), {"x": np.array([[1.0, 2.0]])})
    assert same(read(space, {"x": np.array([[1.0, 2.0]])}), {"x": np.array([[1.0, 2.0]])})


def test_a_fixed_number_of_rows_holds_for_columns_too() -> None:
    fixed = Signature((TensorSpec("x", "FP32", (2, 2), ("a", "b")),), FIXED.outputs)
    with pytest.raises(InvalidRequest, match=r"expected shape \[2\], got \[3\]"):
        by_grpc(fixed, {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)})


def test_json_numbers_have_the_datatype_of_the_tensor() -> None:
    """JSON is read like raw contents, so that the response does not depend on the form of the request."""
    body = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": FLOWERS[0].tolist()}]}
    found = InferCodec("m", 1, DOUBLE).decode(orjson.dumps(body)).request.inputs["x"]
    assert equal(found, FLOWERS[:1].astype(np.float32).astype(np.float64))


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("FP32", np.array([0.5]), np.array([0.1])),
        ("FP64", np.array([2**53]), np.array([2**53 + 1])),
        ("INT64", np.array([2.0]), np.array([2.5])),
        ("INT8", np.array([127]), np.array([128])),
    ],
)
def test_values_after_a_cached_json_header_are_checked_in_each_request(declared: str, good: Array, bad: Array) -> None:
    codec = InferCodec("m", 1, one(declared))
    json = orjson.dumps({"inputs": [{**head("x", good), "parameters": {"binary_data_size": good.nbytes}}]})
    for _ in range(2):
        found = codec.decode(json + to_raw(good), b"%d" % len(json)).request.inputs["x"]
        assert equal(found, good.astype(DTYPES[declared]))
        with pytest.raises(InvalidRequest, match="expected a"):
            codec.decode(json + to_raw(bad), b"%d" % len(json))


NUMBERS = [name for name in DTYPES if name not in ("BYTES", "BOOL")]


@settings(max_examples=150)
@given(st.data())
def test_a_tensor_is_read_the_same_in_every_form_or_rejected_in_all(data: st.DataObject) -> None:
    source, target = data.draw(st.sampled_from(NUMBERS)), data.draw(st.sampled_from(NUMBERS))
    dtype = DTYPES[source]
    values = data.draw(
        st.lists(st.integers(-300, 300) | st.floats(-6e4, 6e4, width=16), min_size=1, max_size=3).map(
            lambda drawn: [int(abs(value)) if dtype.kind in "iu" else value for value in drawn]
        )
    )
    with np.errstate(over="ignore"):
        array = np.array(values).astype(dtype)
    results = []
    for read in (by_json, by_raw_contents, by_grpc):
        try:
            results.append(read(one(target), {"x": array})["x"].tolist())
        except InvalidRequest:
            results.append(None)
    assert results[0] == results[1] == results[2]
    assert results[0] in (None, array.tolist())


def test_iris_is_read_in_its_declared_form() -> None:
    array = FLOWERS.astype(np.float32)
    assert all(equal(read(IRIS, {"X": array})["X"], array) for read in FORMS.values())
