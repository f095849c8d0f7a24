"""Decoding and encoding infer messages."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from modelyard.errors import InvalidRequest, ModelyardError
from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.contents import FIELDS
from modelyard.protocols.grpc.messages import ModelInferRequest, ModelInferResponse
from modelyard.protocols.oip.inputs import MAX_INPUTS
from modelyard.protocols.oip.tensors import from_raw, to_raw
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bounded_cache import MAX_ENTRIES
from modelyard.tensors import DTYPES, FREE, Signature, TensorSpec, datatype_of

NUMBERS = [name for name in DTYPES if name != "BYTES"]


def codec(datatype: str = "FP32", shape: tuple[int, ...] = (FREE,), **signature: Any) -> GrpcInferCodec:
    """The codec of a model with one input and one output."""
    described = Signature((TensorSpec("x", datatype, shape),), (TensorSpec("y", datatype, shape),), **signature)
    return GrpcInferCodec("m", 3, described)


def request(array: np.ndarray, datatype: str = "", **fields: Any) -> Any:
    """With raw contents."""
    tensor = {"name": "x", "datatype": datatype or datatype_of(array.dtype), "shape": array.shape}
    fields = {"model_name": "m", "inputs": [tensor], "raw_input_contents": [to_raw(array)], **fields}
    return ModelInferRequest(**fields)


def typed(datatype: str, values: list[Any], **fields: Any) -> Any:
    """With typed contents."""
    tensor = {"name": "x", "datatype": datatype, "shape": [len(values)], "contents": {FIELDS[datatype]: values}}
    return ModelInferRequest(model_name="m", inputs=[tensor], **fields)


@given(st.data())
@pytest.mark.parametrize("datatype", NUMBERS)
def test_numbers_round_trip(datatype, data):
    shape = data.draw(nps.array_shapes(max_dims=3, max_side=4))
    array = data.draw(nps.arrays(DTYPES[datatype], shape))
    one = codec(datatype, (FREE,) * array.ndim)
    sent = ModelInferRequest.FromString(request(array).SerializeToString())
    decoded = one.decode(sent)
    got = decoded.request.inputs["x"]
    assert (got.dtype, got.shape, got.tobytes()) == (array.dtype, array.shape, array.tobytes())
    response = ModelInferResponse.FromString(one.encode(decoded, {"y": got}).SerializeToString())
    (head,), (raw,) = response.outputs, response.raw_output_contents
    assert from_raw("y", head.datatype, head.shape, raw).tobytes() == array.tobytes()


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_strings_round_trip(texts):
    one = codec("BYTES")
    for sent in (request(np.array(texts, object)), typed("BYTES", [text.encode() for text in texts])):
        decoded = one.decode(sent)
        assert decoded.request.inputs["x"].tolist() == texts
        assert one.encode(decoded, {"y": decoded.request.inputs["x"]}).raw_output_contents == [
            to_raw(np.array(texts, object))
        ]


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", [True, False]),
        ("INT8", [-128, 127]),
        ("INT16", [-(2**15), 2**15 - 1]),
        ("INT32", [-(2**31), 2**31 - 1]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("UINT8", [0, 255]),
        ("UINT16", [0, 2**16 - 1]),
        ("UINT32", [0, 2**32 - 1]),
        ("UINT64", [0, 2**64 - 1]),
        ("FP32", [1.5, float("inf")]),
        ("FP64", [0.1, -1e300]),
    ],
)
def test_typed_contents_hold_every_value_of_their_datatype(datatype, values):
    array = codec(datatype).decode(typed(datatype, values)).request.inputs["x"]
    assert (array.dtype, array.tolist()) == (DTYPES[datatype], values)


@pytest.mark.parametrize(
    ("datatype", "values"),
    [("INT8", [128]), ("INT8", [0, -129]), ("INT16", [2**15]), ("UINT8", [256]), ("UINT16", [2**16])],
)
def test_a_value_out_of_range_for_its_datatype_is_rejected(datatype, values):
    with pytest.raises(InvalidRequest, match=f"out of range for {datatype}"):
        codec(datatype).decode(typed(datatype, values))


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_precision_is_supported_in_raw_contents_only(datatype):
    sent = ModelInferRequest(
        inputs=[{"name": "x", "datatype": datatype, "shape": [1], "contents": {"fp32_contents": [1]}}]
    )
    with pytest.raises(InvalidRequest, match="raw_input_contents only"):
        codec("FP16" if datatype == "FP16" else "FP32").decode(sent)


def test_bf16_is_widened():
    sent = request(np.array([0x3FC0], np.uint16), "BF16")
    assert codec("FP32").decode(sent).request.inputs["x"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"fp64_contents": [1.0]}, "belong in fp32_contents, not in fp64_contents"),
        ({"fp32_contents": [1.0], "int_contents": [1]}, "not in int_contents"),
        ({"fp32_contents": [1.0, 2.0]}, "1 value, got 2"),
        ({}, "1 value, got 0"),
    ],
)
def test_contents_that_do_not_match_are_rejected(contents, expected):
    sent = ModelInferRequest(inputs=[{"name": "x", "datatype": "FP32", "shape": [1], "contents": contents}])
    with pytest.raises(InvalidRequest, match=expected):
        codec().decode(sent)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ({"datatype": "FP32", "shape": [MAX_ROWS + 1]}, f"at most {MAX_ROWS} rows, got {MAX_ROWS + 1}"),
        ({"datatype": "INT8", "shape": [1], "contents": {"int_contents": [1000, 1000]}}, "1 value, got 2"),
    ],
    ids=["rows", "values"],
)
def test_too_many_values_are_rejected_before_they_are_read(tensor, expected):
    with pytest.raises(InvalidRequest, match=expected):
        codec(tensor["datatype"]).decode(ModelInferRequest(inputs=[{"name": "x", **tensor}]))


def test_too_many_inputs_are_rejected_before_the_lookup_of_their_names():
    sent = ModelInferRequest(inputs=[{"name": "no such input"}] * (MAX_INPUTS + 1))
    with pytest.raises(InvalidRequest, match=f"at most {MAX_INPUTS} inputs, got {MAX_INPUTS + 1}"):
        codec().decode(sent)


def test_a_classification_replaces_an_output_on_request():
    one = codec("FP32", (FREE, 3), classes=("a", "b", "c"), scores="y", task="classification")
    requested = {"name": "y", "parameters": {"classification": {"int64_param": 2}}}
    decoded = one.decode(request(np.zeros((1, 3), np.float32), outputs=[requested]))
    response = one.encode(decoded, {"y": np.array([[0.1, 0.7, 0.2]], np.float32)})
    (output,) = response.outputs
    assert (output.datatype, list(output.shape)) == ("BYTES", [1, 2])
    assert from_raw("y", "BYTES", [1, 2], response.raw_output_contents[0]).tolist() == [
        ["0.700000:1:b", "0.200000:2:c"]
    ]


@pytest.mark.parametrize(
    "value", [{"int64_param": -1}, {"string_param": "2"}, {"bool_param": True}, {"double_param": 2}, {}]
)
@pytest.mark.parametrize("where", ["classification", "timeout"])
def test_a_parameter_that_is_not_a_number_is_rejected(where, value):
    if where == "timeout":
        sent = request(np.zeros(1, np.float32), parameters={"timeout": value})
    else:
        sent = request(np.zeros(1, np.float32), outputs=[{"name": "y", "parameters": {"classification": value}}])
    with pytest.raises(InvalidRequest, match=f"parameter '{where}'"):
        codec().decode(sent)


def test_parameters_of_other_servers_are_ignored():
    sent = request(
        np.zeros(1, np.float32), parameters={"sequence_id": {"int64_param": 0}, "priority": {"uint64_param": 1}}
    )
    assert codec().decode(sent).timeout_s is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence_id", {"int64_param": 7}),
        ("sequence_id", {"string_param": "a"}),
        ("sequence_start", {"bool_param": True}),
        ("sequence_end", {"bool_param": True}),
    ],
)
def test_a_request_of_a_sequence_is_rejected(name, value):
    sent = request(np.zeros(1, np.float32), parameters={name: value})
    with pytest.raises(InvalidRequest, match=f"parameter '{name}': sequences are not supported"):
        codec().decode(sent)


def test_a_clients_timeout_is_in_microseconds():
    sent = request(np.zeros(1, np.float32), parameters={"timeout": {"int64_param": 250_000}})
    assert codec().decode(sent).timeout_s == 0.25


@given(st.binary(max_size=100))
def test_any_bytes_are_decoded_or_rejected(body):
    """Bytes that happen to be a message are decoded or rejected."""
    try:
        sent = ModelInferRequest.FromString(body)
    except Exception:  # noqa: BLE001 - protobuf's own
        return
    try:
        codec().decode(sent)
    except ModelyardError:
        return


@given(
    st.lists(nps.arrays(np.float32, nps.array_shapes(max_dims=2, max_side=40)), min_size=1, max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
def test_a_response_encoded_by_hand_equals_that_of_protobuf(arrays, request_id):
    one = codec(shape=(FREE, FREE))
    for array in (*arrays, arrays[0] + 1, np.array(["a", "bc"], object)):
        decoded = one.decode(request(np.ones((1, 1), np.float32), id=request_id))
        expected = one.encode(decoded, {"y": array})
        assert ModelInferResponse.FromString(one.encode_bytes(decoded, {"y": array})) == expected


def test_more_response_shapes_than_the_cache_holds_are_encoded():
    one = codec()
    decoded = one.decode(request(np.ones(1, np.float32)))
    for length in range(MAX_ENTRIES + 2):
        (head,) = ModelInferResponse.FromString(one.encode_bytes(decoded, {"y": np.zeros(length, np.int8)})).outputs
        assert list(head.shape) == [length]
