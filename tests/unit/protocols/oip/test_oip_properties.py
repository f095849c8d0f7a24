"""Properties of the OIP codec for any tensors and any bytes."""

from typing import Any

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.codec import InferCodec, OipRequest
from modelyard.protocols.oip.document import RequestedOutput
from modelyard.protocols.oip.tensors import from_raw, to_raw
from modelyard.protocols.predict.responses import jsonable
from modelyard.tensors import DTYPES, FREE, Array, InferRequest, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import IRIS, equal, same

FEW = settings(max_examples=60)
MANY = settings(max_examples=300)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[tuple[TensorSpec, ...], Tensors]:
    """Up to three tensors with a common first axis, and their specs."""
    rows = draw(st.integers(1, 3))
    specs, made = [], {}
    for name in draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True)):
        datatype = draw(st.sampled_from(list(DTYPES)))
        shape = (rows, *draw(st.lists(st.integers(1, 3), max_size=2)))
        specs.append(TensorSpec(name, datatype, (FREE, *shape[1:])))
        made[name] = draw(array_of(datatype, shape))
    return tuple(specs), made


def array_of(datatype: str, shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    if datatype == "BYTES":
        return arrays.arrays(object, shape, elements=TEXTS, fill=st.nothing())
    dtype = DTYPES[datatype]
    elements = arrays.from_dtype(dtype, allow_infinity=False) if dtype.kind == "f" else None
    return arrays.arrays(dtype, shape, elements=elements)


@FEW
@given(tensors(), st.data())
def test_a_request_in_any_mixture_of_json_and_raw_contents_round_trips(
    case: tuple[tuple[TensorSpec, ...], Tensors], data: st.DataObject
) -> None:
    specs, sent = case
    inputs: list[dict[str, Any]] = []
    raw = b""
    for spec in data.draw(st.permutations(specs)):
        array = sent[spec.name]
        head = {"name": spec.name, "datatype": spec.datatype, "shape": array.shape}
        form = data.draw(st.sampled_from(["raw", "flat", "nested"]))
        if form == "raw":
            raw += to_raw(array)
            inputs.append({**head, "parameters": {"binary_data_size": len(to_raw(array))}})
        else:
            inputs.append({**head, "data": jsonable(array.reshape(-1) if form == "flat" else array)})
    json = orjson.dumps({"inputs": inputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    codec = InferCodec("m", 1, Signature(specs, (TensorSpec("y", "FP32", (FREE,)),)))
    call = codec.decode(json + raw, b"%d" % len(json))
    assert same(call.request.inputs, sent)
    assert call.request.rows == len(next(iter(sent.values())))


@FEW
@given(tensors(), st.data())
def test_a_request_with_a_cached_json_header_is_read_with_its_own_values(
    case: tuple[tuple[TensorSpec, ...], Tensors], data: st.DataObject
) -> None:
    specs, first = case
    codec = InferCodec("m", 1, Signature(specs, (TensorSpec("y", "FP32", (FREE,)),)))
    second = {
        name: array if array.dtype == object else data.draw(arrays.arrays(array.dtype, array.shape))
        for name, array in first.items()
    }
    heads = [
        {
            "name": spec.name,
            "datatype": spec.datatype,
            "shape": first[spec.name].shape,
            "parameters": {"binary_data_size": len(to_raw(first[spec.name]))},
        }
        for spec in specs
    ]
    json = orjson.dumps({"inputs": heads, "parameters": {"timeout": 7_000_000}})
    for sent in (first, second, first):
        call = codec.decode(json + b"".join(map(to_raw, sent.values())), b"%d" % len(json))
        assert {name: (x.dtype, x.shape, to_raw(x)) for name, x in call.request.inputs.items()} == {
            name: (x.dtype, x.shape, to_raw(x)) for name, x in sent.items()
        }
        assert (call.timeout_s, call.request.rows) == (7, len(next(iter(sent.values()))))
        assert all(array.flags.writeable and array.flags.aligned for array in call.request.inputs.values())


@FEW
@given(tensors(), st.data())
def test_a_response_holds_every_output_in_its_form(
    case: tuple[tuple[TensorSpec, ...], Tensors], data: st.DataObject
) -> None:
    specs, outputs = case
    codec = InferCodec("m", 1, Signature((TensorSpec("x", "FP32", (FREE,)),), specs))
    requested_outputs = [RequestedOutput(spec.name, data.draw(st.booleans())) for spec in specs]
    response = codec.encode(OipRequest(InferRequest({}, 1, tuple(outputs)), "an id", requested_outputs), outputs)
    end = response.json_length or len(response.body)
    document, rest = orjson.loads(response.body[:end]), response.body[end:]
    for requested, output in zip(requested_outputs, document["outputs"], strict=True):
        sent = outputs[requested.name]
        assert (output["name"], output["shape"]) == (requested.name, [*sent.shape])
        if requested.binary:
            size = output["parameters"]["binary_data_size"]
            assert equal(from_raw("y", output["datatype"], output["shape"], rest[:size]), sent)
            rest = rest[size:]
        else:
            assert output["data"] == orjson.loads(
                orjson.dumps(jsonable(sent.reshape(-1)), option=orjson.OPT_SERIALIZE_NUMPY)
            )
    assert rest == b""


PIECES = st.sampled_from(
    [
        b'{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}',
        b'{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}',
        b'"shape":[0,4]', b"[", b"]", b"{", b"}", b"-1", b"null", b"1e400", b"9" * 30, b'"X"', b"\0" * 16, b"\xff", b"",
    ]
)  # fmt: skip


@MANY
@given(st.lists(PIECES | st.binary(max_size=8), max_size=4).map(b"".join), st.data())
def test_any_body_and_any_header_are_decoded_or_rejected(body: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(-1, len(body) + 1).map(lambda number: b"%d" % number) | st.binary(max_size=3))
    try:
        call = InferCodec("m", 1, IRIS).decode(body, length)
    except InvalidRequest as rejected:
        assert rejected.message
    else:
        assert call.request.inputs["X"].shape == (call.request.rows, 4)


@MANY
@given(st.data())
def test_a_valid_binary_request_with_changed_bytes_is_read_or_rejected(data: st.DataObject) -> None:
    json = b'{"id":"7","inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}'
    body = bytearray(json + np.ones(4, np.float32).tobytes())
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        call = InferCodec("m", 1, IRIS).decode(bytes(body), b"%d" % len(json))
    except InvalidRequest as rejected:
        assert rejected.message
    else:
        assert call.request.inputs["X"].shape == (1, 4)
