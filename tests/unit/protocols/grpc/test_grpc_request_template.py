"""Templates of earlier messages."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.frames import PREFIX, frame
from modelyard.protocols.grpc.messages import RAW_INPUT, ModelInferRequest, field_head
from modelyard.protocols.grpc.request_template import RequestTemplateCache
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.oip.tensors import STORED_AS, to_raw
from modelyard.protocols.values.bounded_cache import MAX_ENTRIES
from modelyard.tensors import DTYPES, FREE, Signature, Tensors, TensorSpec, datatype_of

DATATYPES = [name for name in DTYPES if name not in ("BYTES", "BOOL")]


def message(arrays: Tensors, /, **fields: Any) -> Any:
    """With raw contents."""
    heads = [{"name": name, "datatype": datatype_of(x.dtype), "shape": x.shape} for name, x in arrays.items()]
    raw = [to_raw(array) for array in arrays.values()]
    return ModelInferRequest(**{"model_name": "m", "inputs": heads, "raw_input_contents": raw, **fields})


def body(sent: Any) -> bytes:
    return frame(sent.SerializeToString())


def slots(sent: Any) -> list[Slot]:
    """The slots of a model that declares the tensors of the message."""
    return [
        Slot(one.name, one.datatype, one.name, STORED_AS.get(one.datatype, one.datatype), False) for one in sent.inputs
    ]


def remembered(*sent: Any) -> RequestTemplateCache[Any]:
    """A cache with templates of these messages; each template holds its message."""
    templates: RequestTemplateCache[Any] = RequestTemplateCache()
    for one in sent:
        templates.remember(body(one), one, slots(one), one)
    return templates


def same(got: Tensors, expected: Tensors) -> bool:
    return list(got) == list(expected) and all(
        (array.dtype, array.shape, array.tobytes())
        == (expected[name].dtype, expected[name].shape, expected[name].tobytes())
        for name, array in got.items()
    )


@st.composite
def two_of_a_shape(draw: st.DrawFn) -> tuple[Tensors, Tensors]:
    """Tensors of the same names, datatypes and shapes."""
    first, second = {}, {}
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True)):
        dtype, shape = DTYPES[draw(st.sampled_from(DATATYPES))], draw(nps.array_shapes(max_dims=3, max_side=40))
        first[name] = draw(nps.arrays(dtype, shape))
        second[name] = draw(nps.arrays(dtype, shape))
    return first, second


@settings(max_examples=60)
@given(two_of_a_shape())
def test_a_message_that_matches_a_template_is_read_with_its_own_values(pair):
    first, second = pair
    sent_message = message(first)
    known, tensors = remembered(sent_message).find(body(message(second))) or (None, {})
    assert known is sent_message
    assert same(tensors, second)
    assert all(array.flags.writeable and array.flags.aligned and array.flags.owndata for array in tensors.values())


X = np.arange(4, dtype=np.float32)
OTHERS = {
    "model": message({"x": X}, model_name="n"),
    "version": message({"x": X}, model_version="1"),
    "id": message({"x": X}, id="7"),
    "name": message({"y": X}),
    "datatype": message({"x": X.view(np.int32)}),
    "shape": message({"x": X.reshape(2, 2)}),
    "length": message({"x": X[:3]}),
    "outputs": message({"x": X}, outputs=[{"name": "y"}]),
    "parameters": message({"x": X}, parameters={"timeout": {"int64_param": 1}}),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_message_that_differs_in_more_than_values_matches_no_template(other):
    assert remembered(message({"x": X})).find(body(other)) is None


UNCACHED = {
    "texts": message({"x": np.array(["a", "b"], object)}),
    "truth values": message({"x": np.array([True])}),
    "upper halves": message(
        {}, inputs=[{"name": "x", "datatype": "BF16", "shape": [2]}], raw_input_contents=[b"\0" * 4]
    ),
    "no values": message({"x": X[:0]}),
    "an id": message({"x": X}, id="7"),
    "typed contents": message(
        {}, inputs=[{"name": "x", "datatype": "FP32", "shape": [1], "contents": {"fp32_contents": [1.0]}}]
    ),
    "a long head": message({"x" * 5000: X}),
}


@pytest.mark.parametrize("sent", UNCACHED.values(), ids=UNCACHED)
def test_no_template_is_stored_for_values_that_must_be_checked(sent):
    assert remembered(sent).find(body(sent)) is None


RAW = b"\1\2\3\4"
HEAD = message({}, inputs=[{"name": "x", "datatype": "INT8", "shape": [4]}]).SerializeToString()
VALUES = field_head(RAW_INPUT, len(RAW)) + RAW
UNKNOWN = b"\x7a" + bytes([len(VALUES)]) + VALUES
"""An unknown field 15 whose content equals the encoded values."""


@pytest.mark.parametrize(
    "written",
    [HEAD + VALUES + UNKNOWN, VALUES + HEAD, HEAD + b"\x3a\x84\x00" + RAW],
    ids=["behind the values", "before the head", "behind a length of two bytes"],
)
def test_no_template_is_stored_if_values_do_not_end_the_message(written):
    sent_message = ModelInferRequest.FromString(written)
    assert sent_message.raw_input_contents == [RAW]
    templates: RequestTemplateCache[Any] = RequestTemplateCache()
    templates.remember(frame(written), sent_message, slots(sent_message), sent_message)
    assert templates.find(frame(written)) is None


@pytest.mark.parametrize(("head_bytes", "stored"), [(4096, True), (4097, False)])
def test_a_template_has_at_most_4096_bytes_before_its_values(head_bytes: int, stored: bool):
    short = len(body(message({"x" * 3000: X}))) - len(field_head(RAW_INPUT, X.nbytes)) - X.nbytes
    sent_message = message({"x" * (3000 + head_bytes - short): X})
    assert (remembered(sent_message).find(body(sent_message)) is not None) is stored


def written(shape: int, first: int, second: int) -> bytes:
    """A frame with two inputs: the length of the second one's shape, and the bytes of both raw contents."""
    heads = [{"name": "x", "datatype": "INT8", "shape": [4]}, {"name": "y", "datatype": "INT8", "shape": [shape]}]
    values = [field_head(RAW_INPUT, size) + bytes(range(size)) for size in (first, second)]
    return frame(message({}, inputs=heads).SerializeToString() + b"".join(values))


def test_two_inputs_are_read_at_their_own_offsets():
    known = ModelInferRequest.FromString(written(3, 4, 3)[PREFIX.size :])
    _, tensors = remembered(known).find(written(3, 4, 3)) or (None, {})
    assert {name: array.tolist() for name, array in tensors.items()} == {"x": [0, 1, 2, 3], "y": [0, 1, 2]}


@pytest.mark.parametrize(
    "other",
    [written(4, 4, 3), written(3, 3, 4), b"\x7a\x03".join(written(3, 4, 3).rsplit(b"\x3a\x03", 1))],
    ids=["another shape", "another border", "another field"],
)
def test_the_bytes_up_to_the_last_value_must_match(other: bytes):
    known = ModelInferRequest.FromString(written(3, 4, 3)[PREFIX.size :])
    assert len(other) == len(written(3, 4, 3))
    assert remembered(known).find(other) is None


def test_no_template_is_stored_for_a_compressed_message():
    sent_message = message({"x": X})
    flagged = b"\1" + body(sent_message)[1:]
    templates: RequestTemplateCache[Any] = RequestTemplateCache()
    templates.remember(flagged, sent_message, slots(sent_message), sent_message)
    assert templates.find(flagged) is None


def decoded(codec: GrpcInferCodec, sent: bytes) -> Tensors | None:
    """The inputs as read with protobuf; None if they are rejected."""
    try:
        return codec.decode(ModelInferRequest.FromString(sent[PREFIX.size :])).request.inputs
    except (ModelyardError, ValueError):
        return None


CODEC = GrpcInferCodec("m", 1, Signature((TensorSpec("x", "FP32", (FREE, 2)), TensorSpec("k", "INT8", (FREE,))), ()))


@settings(max_examples=500)
@given(st.data())
def test_a_changed_message_is_read_as_by_protobuf_or_matches_no_template(data):
    sent_message = message({"x": np.ones((2, 2), np.float32), "k": np.zeros(2, np.int8)})
    changed = bytearray(body(sent_message))
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=3)):
        changed[at] = data.draw(st.integers(0, 255))
    found = remembered(sent_message).find(bytes(changed))
    if found is not None:
        expected = decoded(CODEC, bytes(changed))
        assert expected is not None
        assert same(found[1], expected)


def test_templates_of_the_same_length_are_distinguished_up_to_a_limit():
    read_in_order = [message({name: X}) for name in "abcdefgh"]
    templates = remembered(*read_in_order)
    found = [templates.find(body(each)) for each in read_in_order]
    assert [one is not None for one in found] == [True] * 4 + [False] * 4
    assert all(one[0] is each for one, each in zip(found, read_in_order, strict=True) if one)


def test_the_cache_holds_the_templates_of_the_latest_lengths():
    sent = [message({"x": np.zeros(length, np.int8)}) for length in range(1, MAX_ENTRIES + 50)]
    templates = remembered(*sent)
    known = [templates.find(body(one)) is not None for one in sent]
    assert known[-1]
    assert sum(known) <= MAX_ENTRIES


WIDER = GrpcInferCodec("m", 1, Signature((TensorSpec("x", "FP64", (FREE, 1)), TensorSpec("k", "INT64", (FREE,))), ()))
"""A codec of a model whose inputs are wider than the tensors that are sent."""


def read_in_order(*sent: Tensors) -> list[Tensors]:
    """The inputs of consecutive messages, each read with the template of an earlier one if there is one."""
    templates: RequestTemplateCache[Any] = RequestTemplateCache()
    read = []
    for tensors in sent:
        sent_message = message(tensors)
        found = templates.find(body(sent_message))
        if found is None:
            decoded_request = WIDER.decode(sent_message)
            templates.remember(body(sent_message), sent_message, decoded_request.slots, decoded_request)
            read.append(decoded_request.request.inputs)
        else:
            read.append(found[1])
    return read


def test_a_message_that_matches_a_template_is_converted_like_the_first():
    sent = [{"x": np.array([0.1, n], np.float32), "k": np.array([n, -n], np.int8)} for n in (1, 2)]
    expected = [{"x": each["x"].astype(np.float64).reshape(2, 1), "k": each["k"].astype(np.int64)} for each in sent]
    got = read_in_order(*sent)
    assert all(map(same, got, expected))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"x": np.array([1, 2]), "k": np.zeros(2, int)}, {"x": np.array([1, 2**53 + 1]), "k": np.zeros(2, int)}),
        ({"x": np.ones(2), "k": np.array([1.0, 2.0])}, {"x": np.ones(2), "k": np.array([1.0, 2.5])}),
        ({"x": np.ones(2), "k": np.zeros(2, np.uint64)}, {"x": np.ones(2), "k": np.array([0, 2**63], np.uint64)}),
    ],
    ids=["whole numbers for floats", "floats for whole numbers", "unsigned for signed"],
)
def test_values_whose_conversion_may_fail_are_checked_in_each_message(first, second):
    with pytest.raises(InvalidRequest, match=r"input '[xk]': expected a (whole )?number"):
        read_in_order(first, second)
