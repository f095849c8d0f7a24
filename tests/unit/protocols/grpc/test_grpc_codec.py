"""`ModelInfer`: what a message may hold, and the form of its response."""

from typing import Any

import numpy as np
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.codec import GrpcInferCodec, GrpcRequest
from modelyard.protocols.grpc.messages import ModelInferRequest, ModelInferResponse
from modelyard.tensors import FREE, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (FREE,)), TensorSpec("t", "BYTES", (FREE,), optional=True)),
    (TensorSpec("y", "FP32", (FREE,)), TensorSpec("z", "FP32", (FREE,))),
    label="y",
)
CODEC = GrpcInferCodec("m", 3, SIGNATURE)
X = {"name": "x", "datatype": "FP32", "shape": [1]}
TYPED = {**X, "contents": {"fp32_contents": [1.5]}}
RAW = np.array([1.5], np.float32).tobytes()
SHARED = {"shared_memory_region": {"string_param": "r"}}
OUTPUTS = {"y": np.array([0.5], np.float32), "z": np.array([2.5], np.float32)}


def decode(*inputs: Any, raw: Any = (), **members: Any) -> GrpcRequest:
    message = ModelInferRequest(model_name="m", inputs=inputs, raw_input_contents=raw, **members)
    return CODEC.decode(message)


@pytest.mark.parametrize(
    ("inputs", "raw", "members", "message"),
    [
        ([X], [RAW, RAW], {}, "expected as many raw_input_contents as inputs, 1, got 2"),
        ([TYPED], [RAW], {}, "input 'x' has both contents and raw_input_contents"),
        ([{**X, "parameters": SHARED}], [RAW], {}, "'x': shared memory is not supported; send the values"),
        ([{**TYPED, "parameters": SHARED}], [], {}, "'x': shared memory is not supported"),
        ([TYPED], [], {"outputs": [{"name": "y", "parameters": SHARED}]}, "'y': shared memory is not supported"),
        (
            [TYPED],
            [],
            {"parameters": {"timeout": {"int64_param": -1}}},
            "parameter 'timeout': expected int64_param of 0 or more",
        ),
    ],
)
def test_a_contradictory_message_is_rejected(inputs: Any, raw: Any, members: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        decode(*inputs, raw=raw, **members)
    assert message in error.value.message


def test_ten_thousand_inputs_are_looked_up_and_one_more_is_not() -> None:
    with pytest.raises(InvalidRequest, match="unknown input"):
        decode(*[{**TYPED, "name": f"n{index}"} for index in range(10_000)])
    with pytest.raises(InvalidRequest, match="expected at most 10000 inputs, got 10001"):
        decode(*[{**TYPED, "name": f"n{index}"} for index in range(10_001)])


def test_a_value_without_axes_is_one_row() -> None:
    codec = GrpcInferCodec("m", 3, SIGNATURE, max_rows=1)
    message = ModelInferRequest(inputs=[{**TYPED, "shape": []}])
    assert codec.decode(message).request.inputs["x"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"content_type": {"string_param": "base64"}}, "hi"),
        ({"content_type": {"string_param": "str"}}, "aGk="),
        ({"other": {"string_param": "base64"}}, "aGk="),
        ({}, "aGk="),
    ],
)
def test_bytes_are_base64_if_their_content_type_says_so(parameters: Any, expected: str) -> None:
    text = {"name": "t", "datatype": "BYTES", "shape": [1], "parameters": parameters}
    typed = decode(TYPED, {**text, "contents": {"bytes_contents": [b"aGk="]}})
    raw = decode(X, text, raw=[RAW, b"\x04\0\0\0aGk="])
    assert typed.request.inputs["t"].tolist() == raw.request.inputs["t"].tolist() == [expected]
    number = {**TYPED, "parameters": {"content_type": {"string_param": "base64"}}}
    assert decode(number).request.inputs["x"].tolist() == [1.5], "only BYTES can be base64"


def test_the_form_of_the_response_is_that_of_the_message() -> None:
    plain = decode(TYPED)
    assert (plain.id, plain.classes, plain.timeout_s, plain.final_response) == ("", {}, None, False)
    assert (plain.request.outputs, plain.names) == (("y", "z"), {})
    full = decode(
        TYPED,
        id="7",
        outputs=[{"name": "z"}, {"name": "predict", "parameters": {"classification": {"int64_param": 1}}}],
        parameters={"timeout": {"uint64_param": 1_500_000}, "triton_enable_empty_final_response": {"bool_param": True}},
    )
    assert (full.id, full.classes, full.timeout_s, full.final_response) == ("7", {"y": 1}, 1.5, True)
    assert (full.request.outputs, full.names) == (("z", "y"), {"y": "predict"})


def test_a_parameter_of_0_or_false_is_the_same_as_none() -> None:
    decoded = decode(
        TYPED,
        outputs=[{"name": "y", "parameters": {"classification": {"int64_param": 0}}}],
        parameters={"timeout": {"int64_param": 0}, "triton_enable_empty_final_response": {"bool_param": False}},
    )
    assert (decoded.classes, decoded.timeout_s, decoded.final_response) == ({}, None, False)


def test_a_request_with_other_values_keeps_its_form() -> None:
    decoded = decode(
        TYPED,
        id="7",
        outputs=[{"name": "predict"}],
        parameters={"timeout": {"int64_param": 5}, "triton_enable_empty_final_response": {"bool_param": True}},
    )
    other = decoded.with_inputs({"x": np.array([2.5], np.float32)})
    assert other.request.inputs["x"].tolist() == [2.5]
    assert (other.id, other.names, other.timeout_s, other.final_response) == ("7", {"y": "predict"}, 5e-6, True)
    assert other.slots == decoded.slots


FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "id": {"id": "7"},
    "classes": {"outputs": [{"name": "y", "parameters": {"classification": {"int64_param": 1}}}]},
    "own name": {"outputs": [{"name": "predict"}]},
    "final response": {"parameters": {"triton_enable_empty_final_response": {"bool_param": True}}},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_bytes_of_a_response_are_those_of_its_message(form: str) -> None:
    decoded = decode(TYPED, **FORMS[form])
    for _ in range(2):  # the second time with a cached head
        assert ModelInferResponse.FromString(CODEC.encode_bytes(decoded, OUTPUTS)) == CODEC.encode(decoded, OUTPUTS)


def test_a_response_has_its_outputs_in_the_form_of_the_request() -> None:
    response = CODEC.encode(decode(TYPED, id="7", **FORMS["own name"]), OUTPUTS)
    assert (response.model_name, response.model_version, response.id) == ("m", "3", "7")
    [output] = response.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("predict", "FP32", [1])
    assert list(response.raw_output_contents) == [OUTPUTS["y"].tobytes()]
    [classes] = CODEC.encode(decode(TYPED, **FORMS["classes"]), OUTPUTS).raw_output_contents
    assert classes[4:] == b"0.500000:0"


def test_only_the_last_response_says_that_it_is_final_and_only_on_request() -> None:
    requested, plain = decode(TYPED, **FORMS["final response"]), decode(TYPED)
    final = "triton_final_response"
    assert CODEC.encode(requested, OUTPUTS).parameters[final].bool_param
    assert final not in CODEC.encode(requested, OUTPUTS, last=False).parameters
    assert final not in CODEC.encode(plain, OUTPUTS).parameters
    end = CODEC.end(decode(TYPED, id="7", **FORMS["final response"]))
    assert (end.model_name, end.model_version, end.id) == ("m", "3", "7")
    assert (end.parameters[final].bool_param, len(end.outputs)) == (True, 0)
