"""Triton's generate extension: decoding, encoding, and invalid bodies."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest
from modelyard.http.sse import event
from modelyard.protocols.oip.generate import GenerateCodec
from modelyard.tensors import DTYPES, FREE, Signature, TensorSpec
from tests.unit.protocols.mutations import mutated, read_or_rejected

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    "BYTES": TEXTS,
    "FP16": st.floats(-1000, 1000, width=16),
    "FP32": st.floats(-1e6, 1e6, width=32),
    "FP64": st.floats(-1e9, 1e9),
}
CHAT = Signature(
    (TensorSpec("text_input", "BYTES", (FREE, 1)), TensorSpec("length", "INT32", (FREE, 1), optional=True)),
    (TensorSpec("text_output", "BYTES", (FREE, 1)),),
)


def drawn(datatype: str) -> st.SearchStrategy[Any]:
    if datatype in VALUES:
        return VALUES[datatype]
    limits = np.iinfo(DTYPES[datatype])
    return st.integers(int(limits.min), int(limits.max))


@settings(max_examples=60)
@given(st.data(), st.sampled_from(list(DTYPES)), st.booleans(), TEXTS)
def test_a_value_is_returned_alone_or_in_a_list(
    data: st.DataObject, datatype: str, among_parameters: bool, request_id: str
) -> None:
    values = data.draw(st.lists(drawn(datatype), min_size=1, max_size=3))
    shape = (FREE, len(values))
    codec = GenerateCodec("m", 1, Signature((TensorSpec("x", datatype, shape),), (TensorSpec("y", datatype, shape),)))
    members = {"x": values[0] if len(values) == 1 and data.draw(st.booleans()) else values}
    body = {"parameters": members} if among_parameters else members
    call = codec.decode(orjson.dumps({**body, "id": request_id}))
    array = call.request.inputs["x"]
    assert (array.shape, array.dtype) == ((1, len(values)), DTYPES[datatype])
    assert array.tolist() == [values]
    document = orjson.loads(codec.encode(call, {"y": array}))
    expected = [pytest.approx(value) if isinstance(value, float) else value for value in values]
    assert document["y"] == (expected[0] if len(values) == 1 else expected)
    assert document.get("id", "") == request_id


SEEDS = [
    b'{"text_input": "once upon", "parameters": {"length": 20}}',
    b'{"text_input": ["once"], "length": [20], "id": "7", "stream": true}',
]


@settings(max_examples=70)
@given(mutated(SEEDS))
def test_a_changed_body_is_read_or_rejected(body: bytes) -> None:
    codec = GenerateCodec("m", 1, CHAT)
    read_or_rejected(lambda: codec.decode(body), len(body), factor=100)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "expected an object"),
        (b'{"text_input": "a", "id": 7}', "expected a string, got"),
        (b'{"text_input": "a", "parameters": "b"}', "expected an object, got"),
        (b'{"text_inptu": "a"}', 'unknown input "text_inptu"'),
        (b'{"text_input": "a", "parameters": {"text_input": "b"}}', "duplicate"),
        (b'{"text_input": {"a": 1}}', "expected a string"),
        (b"{}", "missing input 'text_input'"),
        (b'{"text_input": "a", "stop": ["b"]}', "expected a string, number or boolean, got a list of 1 at /stop"),
        (b'{"text_input": "a", "top_k": null}', "expected a string, number or boolean, got null at /top_k"),
        (b'{"text_input": "a", "parameters": {"x": {"twice": 1}}}', "boolean, got an object at /parameters/x"),
        (b'{"text_input": "a", "sequence_id": 7}', "'sequence_id': sequences are not supported"),
        (b'{"text_input": "a", "parameters": {"sequence_start": true}}', "'sequence_start': sequences are not"),
    ],
)
def test_an_invalid_body_is_rejected_with_a_reason(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        GenerateCodec("m", 1, CHAT).decode(body)
    assert message in rejected.value.message


@pytest.mark.parametrize("place", ["top", "parameters"])
def test_any_other_member_is_a_parameter_at_both_levels(place: str) -> None:
    more = {"max_tokens": 20, "temperature": 0.5, "stream": False, "bad_words": "", "lenght": 3, "sequence_id": 0}
    body = {"text_input": "a", "length": 2} | (more if place == "top" else {"parameters": more})
    inputs = GenerateCodec("m", 1, CHAT).decode(orjson.dumps(body)).request.inputs
    assert {name: array.tolist() for name, array in inputs.items()} == {"text_input": [["a"]], "length": [[2]]}


@given(TEXTS, st.sampled_from([b"", b"error"]))
def test_any_response_is_one_event_that_a_line_reader_parses(text: str, kind: bytes) -> None:
    codec = GenerateCodec("m", 1, CHAT)
    call = codec.decode(b'{"text_input": "a"}')
    written = event(codec.encode(call, {"text_output": np.array([[text]], object)}), kind)
    *lines, last, end = written.split(b"\n")
    assert (last, end) == (b"", b"")
    fields = dict(line.split(b": ", 1) for line in lines)
    assert fields.get(b"event", b"") == kind
    assert orjson.loads(fields[b"data"])["text_output"] == text
