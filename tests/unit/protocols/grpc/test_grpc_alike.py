"""Messages that look like an earlier one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.frames import PREFIX, frame
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.grpc.request_template import MOST_OF_A_LENGTH, RequestTemplateCache
from modelyard.protocols.grpc.wire import RAW_INPUT, field_head
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.oip.tensors import HELD_AS, to_raw
from modelyard.protocols.values.bounded_cache import MOST_KEPT
from modelyard.tensors import DTYPES, FREE, Signature, Tensors, TensorSpec, datatype_of

ALIKE = [name for name in DTYPES if name not in ("BYTES", "BOOL")]


def message(arrays: Tensors, /, **fields: Any) -> Any:
    """With raw contents."""
    heads = [{"name": name, "datatype": datatype_of(x.dtype), "shape": x.shape} for name, x in arrays.items()]
    raw = [to_raw(array) for array in arrays.values()]
    return ModelInferRequest(**{"model_name": "m", "inputs": heads, "raw_input_contents": raw, **fields})


def body(sent: Any) -> bytes:
    return frame(sent.SerializeToString())


def slots(sent: Any) -> list[Slot]:
    """Of a model that declares what the message holds."""
    return [
        Slot(one.name, one.datatype, one.name, HELD_AS.get(one.datatype, one.datatype), False) for one in sent.inputs
    ]


def remembered(*sent: Any) -> RequestTemplateCache[Any]:
    """What knows these messages, and tells of each by itself."""
    alike: RequestTemplateCache[Any] = RequestTemplateCache()
    for one in sent:
        alike.remember(body(one), one, slots(one), one)
    return alike


def same(got: Tensors, expected: Tensors) -> bool:
    return list(got) == list(expected) and all(
        (array.dtype, array.shape, array.tobytes())
        == (expected[name].dtype, expected[name].shape, expected[name].tobytes())
        for name, array in got.items()
    )


@st.composite
def two_of_a_form(draw: st.DrawFn) -> tuple[Tensors, Tensors]:
    """Tensors of the same names, datatypes and shapes."""
    first, second = {}, {}
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True)):
        dtype, shape = DTYPES[draw(st.sampled_from(ALIKE))], draw(nps.array_shapes(max_dims=3, max_side=40))
        first[name] = draw(nps.arrays(dtype, shape))
        second[name] = draw(nps.arrays(dtype, shape))
    return first, second


@settings(max_examples=60)
@given(two_of_a_form())
def test_a_message_of_a_known_form_is_read_with_its_own_values(pair):
    first, second = pair
    told = message(first)
    known, tensors = remembered(told).find(body(message(second))) or (None, {})
    assert known is told
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
def test_a_message_that_differs_in_more_than_values_is_not_known(other):
    assert remembered(message({"x": X})).find(body(other)) is None


UNALIKE = {
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


@pytest.mark.parametrize("sent", UNALIKE.values(), ids=UNALIKE)
def test_what_must_be_looked_at_is_not_remembered(sent):
    assert remembered(sent).find(body(sent)) is None


RAW = b"\1\2\3\4"
HEAD = message({}, inputs=[{"name": "x", "datatype": "INT8", "shape": [4]}]).SerializeToString()
VALUES = field_head(RAW_INPUT, len(RAW)) + RAW
UNKNOWN = b"\x7a" + bytes([len(VALUES)]) + VALUES
"""A field 15 that nobody knows, and whose content looks like the values."""


@pytest.mark.parametrize(
    "written",
    [HEAD + VALUES + UNKNOWN, VALUES + HEAD, HEAD + b"\x3a\x84\x00" + RAW],
    ids=["behind the values", "before the head", "behind a length of two bytes"],
)
def test_values_that_do_not_end_the_message_are_not_remembered(written):
    told = ModelInferRequest.FromString(written)
    assert told.raw_input_contents == [RAW]
    alike: RequestTemplateCache[Any] = RequestTemplateCache()
    alike.remember(frame(written), told, slots(told), told)
    assert alike.find(frame(written)) is None


def test_a_compressed_message_is_not_remembered():
    told = message({"x": X})
    flagged = b"\1" + body(told)[1:]
    alike: RequestTemplateCache[Any] = RequestTemplateCache()
    alike.remember(flagged, told, slots(told), told)
    assert alike.find(flagged) is None


def decoded(codec: GrpcInferCodec, sent: bytes) -> Tensors | None:
    """As protobuf reads it, None where it is refused."""
    try:
        return codec.decode(ModelInferRequest.FromString(sent[PREFIX.size :])).request.inputs
    except (ModelyardError, ValueError):
        return None


CODEC = GrpcInferCodec("m", 1, Signature((TensorSpec("x", "FP32", (FREE, 2)), TensorSpec("k", "INT8", (FREE,))), ()))


@settings(max_examples=500)
@given(st.data())
def test_whatever_is_changed_in_a_message_it_is_read_as_protobuf_reads_it_or_not_at_all(data):
    told = message({"x": np.ones((2, 2), np.float32), "k": np.zeros(2, np.int8)})
    changed = bytearray(body(told))
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=3)):
        changed[at] = data.draw(st.integers(0, 255))
    found = remembered(told).find(bytes(changed))
    if found is not None:
        expected = decoded(CODEC, bytes(changed))
        assert expected is not None
        assert same(found[1], expected)


def test_forms_of_one_length_are_told_apart_and_no_more_than_some_are_kept():
    forms = [message({name: X}) for name in "abcdefgh"]
    alike = remembered(*forms)
    found = [alike.find(body(form)) for form in forms]
    assert [one is not None for one in found] == [True] * MOST_OF_A_LENGTH + [False] * (8 - MOST_OF_A_LENGTH)
    assert all(one[0] is form for one, form in zip(found, forms, strict=True) if one)


def test_of_messages_of_ever_new_lengths_the_latest_are_kept():
    sent = [message({"x": np.zeros(length, np.int8)}) for length in range(1, MOST_KEPT + 50)]
    alike = remembered(*sent)
    known = [alike.find(body(one)) is not None for one in sent]
    assert known[-1]
    assert sum(known) <= MOST_KEPT


WIDER = GrpcInferCodec("m", 1, Signature((TensorSpec("x", "FP64", (FREE, 1)), TensorSpec("k", "INT64", (FREE,))), ()))
"""Of a model whose inputs hold more than what is sent."""


def forms(*sent: Tensors) -> list[Tensors]:
    """The inputs of messages that come one after the other, each read as one like it before where there is one."""
    alike: RequestTemplateCache[Any] = RequestTemplateCache()
    read = []
    for tensors in sent:
        asked = message(tensors)
        found = alike.find(body(asked))
        if found is None:
            call = WIDER.decode(asked)
            alike.remember(body(asked), asked, call.slots, call)
            read.append(call.request.inputs)
        else:
            read.append(found[1])
    return read


def test_a_message_of_a_known_form_is_converted_like_the_first():
    sent = [{"x": np.array([0.1, n], np.float32), "k": np.array([n, -n], np.int8)} for n in (1, 2)]
    expected = [{"x": each["x"].astype(np.float64).reshape(2, 1), "k": each["k"].astype(np.int64)} for each in sent]
    got = forms(*sent)
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
def test_what_must_be_converted_value_by_value_is_looked_at_each_time(first, second):
    with pytest.raises(InvalidRequest, match=r"input '[xk]': expected a (whole )?number"):
        forms(first, second)
