"""Infer requests over REST: JSON, JSON followed by raw contents, and raw contents only."""

from typing import Any

import numpy as np
import orjson
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.document import read_document
from modelyard.protocols.values.bounded_cache import MAX_ENTRIES
from modelyard.tensors import FREE, Array, Signature, TensorSpec
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS, MIXED, TEXT, WHOLE, equal, one, texts

X: dict[str, Any] = {"name": "X", "shape": [2, 4], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6, 7, 8]}
ROWS = np.arange(1, 9, dtype=np.float32).reshape(2, 4)
SIZED = {**{key: X[key] for key in ("name", "shape", "datatype")}, "parameters": {"binary_data_size": 32}}
SCORES = np.array([[0.5, 0.25, 0.25], [0, 0, 1]], np.float32)
OUTPUTS = {"label": texts("setosa", "virginica"), "scores": SCORES}


def body(*inputs: Any, **members: Any) -> bytes:
    return orjson.dumps({"inputs": inputs, **members})


def read(signature: Signature, document: bytes, raw: bytes = b"") -> dict[str, Array]:
    length = b"%d" % len(document) if raw else b""
    return InferCodec("m", 1, signature).decode(document + raw, length).request.inputs


def rejection(signature: Signature, document: bytes, header_length: bytes = b"") -> str:
    with pytest.raises(InvalidRequest) as error:
        InferCodec("m", 1, signature).decode(document, header_length)
    return error.value.message


def response_of(document: bytes, header_length: bytes = b"", outputs: Any = OUTPUTS) -> tuple[Any, bytes]:
    """The JSON of the response, and the bytes after it."""
    codec = InferCodec("m", 3, IRIS)
    response = codec.encode(codec.decode(document, header_length), outputs)
    end = len(response.body) if response.json_length is None else response.json_length
    return orjson.loads(response.body[:end]), response.body[end:]


# Inputs


@pytest.mark.parametrize(
    "data",
    [[1, 2, 3, 4, 5, 6, 7, 8], [[1, 2, 3, 4], [5, 6, 7, 8]], [1.0, 2, 3, 4, 5, 6, 7, 8.0]],
    ids=["flat", "nested", "mixed"],
)
def test_values_may_be_flat_or_nested_as_the_shape_is(data: Any) -> None:
    assert equal(read(IRIS, body({**X, "data": data}))["X"], ROWS)


def test_raw_contents_follow_the_json_in_the_order_of_the_inputs() -> None:
    numbers = {"name": "numbers", "shape": [1, 2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    member = {"name": "member", "shape": [1], "datatype": "BOOL", "data": [True]}
    city = {"name": "city", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 8}}
    raw = b"\x04\0\0\0Rome" + np.array([41, 1e5]).tobytes()
    tensors = read(MIXED, body(city, member, numbers), raw)
    assert {name: array.tolist() for name, array in tensors.items()} == {
        "city": [["Rome"]],
        "member": [True],
        "numbers": [[41, 1e5]],
    }


def test_a_header_length_may_cover_the_whole_body() -> None:
    document = body(X)
    assert equal(InferCodec("m", 1, IRIS).decode(document, b"%d" % len(document)).request.inputs["X"], ROWS)


@pytest.mark.parametrize("size", [0, 28, 31, 36], ids="{} bytes".format)
def test_the_bytes_after_a_cached_json_header_must_match(size: int) -> None:
    codec, document = InferCodec("m", 1, IRIS), body(SIZED)
    assert equal(codec.decode(document + ROWS.tobytes(), b"%d" % len(document)).request.inputs["X"], ROWS)
    with pytest.raises(InvalidRequest, match=r"32 bytes|4 bytes at the end"):
        codec.decode(document + b"\0" * size, b"%d" % len(document))


def test_more_request_shapes_than_the_cache_holds_are_read() -> None:
    codec = InferCodec("m", 1, IRIS)
    for rows in range(1, MAX_ENTRIES + 3):
        document = body({**SIZED, "shape": [rows, 4], "parameters": {"binary_data_size": 16 * rows}})
        sent = np.full((rows, 4), rows, np.float32)
        assert equal(codec.decode(document + sent.tobytes(), b"%d" % len(document)).request.inputs["X"], sent)


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_null_is_nan_among_floats(datatype: str) -> None:
    array = read(one(datatype), body({"name": "x", "shape": [2], "datatype": datatype, "data": [None, 1]}))["x"]
    assert np.isnan(array[0])
    assert array[1] == 1


def test_a_bf16_may_be_a_json_number_or_two_bytes() -> None:
    head = {"name": "x", "shape": [1], "datatype": "BF16"}
    assert read(one("FP32"), body({**head, "data": [1.5]}))["x"].tolist() == [1.5]
    raw = body({**head, "parameters": {"binary_data_size": 2}})
    assert read(one("FP32"), raw, b"\xc0\x3f")["x"].tolist() == [1.5]


def test_a_scalar_is_a_list_of_one_value() -> None:
    matrix = {"name": "matrix", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    scale = {"name": "scale", "shape": [], "datatype": "FP32", "data": [3]}
    assert read(WHOLE, body(matrix, scale))["scale"].tolist() == 3


def test_unknown_members_are_ignored() -> None:
    document = body(
        {**X, "parameters": {"content_type": "np"}}, model_name="m", parameters={"sequence_id": 0, "own": "x"}
    )
    assert equal(read(IRIS, document)["X"], ROWS)


BINARY_2 = {"name": "X", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", 'the body is empty; expected JSON such as {"inputs": [{"name"'),
        (b"[]", "expected an object such as"),
        (b'{"inputs": [', "the body is not valid JSON"),
        (b"{}", "expected a list, got nothing at /inputs"),
        (body("X"), "expected an object with name, shape, datatype and data"),
        (body({**X, "name": 1}), "expected a string, got the number 1 at /inputs/0/name"),
        (body({**X, "datatype": None}), "expected a string, got null at /inputs/0/datatype"),
        (body({**X, "shape": 8}), "expected a list of whole numbers, got the number 8 at /inputs/0/shape"),
        (body({**X, "shape": [2, 4.0]}), "expected a whole number, got the number 4.0 at /inputs/0/shape/1"),
        (body({**X, "shape": [2, True]}), "expected a whole number, got true at /inputs/0/shape/1"),
        (body({**X, "shape": [-2, -4]}), "expected shape [-1, 4], got [-2, -4]"),
        (body({**X, "shape": [2**63 - 1, 4]}), f"needs {(2**63 - 1) * 4} values, got 8 values"),
        (body({**X, "shape": [0, 4], "data": []}), "expected at least one row, got none"),
        (body({**X, "shape": [1] * 1000}), "expected shape [-1, 4], got [1, 1"),
        (body({**X, "data": "abc"}), "expected a list, got the string"),
        (body({**X, "data": [1, 2, "3", 4, 5, 6, 7, "8"]}), 'got the string "3" at /inputs/0/data/2 (and 1 more)'),
        (body({**X, "data": [1, 2]}), "shape [2, 4] needs 8 values, got 2 values"),
        (body({**X, "data": [[1, 2, 3, 4]]}), "the nesting of its data has shape [1, 4], expected [2, 4]"),
        (body({**X, "data": [[1, 2], [3, 4]]}), "expected 4 values, got 2 at /inputs/0/data/0"),
        (body({**X, "data": [1e39, 2, 3, 4, 5, 6, 7, 8]}), "expected a number up to"),
        (body(X, {**X, "name": "Y"}), "unknown input 'Y'"),
        (body({**X, "datatype": "BYTES"}), "input 'X': expected FP32, got BYTES"),
        (body(X, X), "duplicate input 'X'"),
        (body(), "missing input 'X'"),
        (body(X, outputs=[{"name": "labels"}]), "unknown output 'labels'"),
        (body(X, outputs=[{"name": "label"}, {"name": "label"}]), "duplicate output 'label'"),
        (body(X, outputs={}), "expected a list, got an object at /outputs"),
        (body(X, outputs=["label"]), "expected an object with a name"),
        (body(X, id=7), "expected a string, got the number 7 at /id"),
        (body(X, parameters=[]), "expected an object, got a list of 0 at /parameters"),
        (body(X, parameters={"timeout": -1}), "at /parameters/timeout"),
        (body(X, parameters={"timeout": 0.5}), "at /parameters/timeout"),
        (body(X, parameters={"priority": "high"}), "at /parameters/priority"),
        (body(X, parameters={"binary_data_output": 1}), "expected true or false, got the number 1"),
        (
            body(X, outputs=[{"name": "label", "parameters": {"binary_data": "yes"}}]),
            "/outputs/0/parameters/binary_data",
        ),
        (body(X, outputs=[{"name": "scores", "parameters": {"classification": -1}}]), "/parameters/classification"),
        (body({**X, "parameters": {"binary_data_size": 32}}), 'expected either "data" or "binary_data_size", got both'),
        (
            body({key: X[key] for key in ("name", "shape", "datatype")}),
            'expected either "data" or "binary_data_size", got neither',
        ),
        (body(SIZED), "raw contents need the header Inference-Header-Content-Length at /inputs/0"),
        (
            body({**X, "parameters": {"shared_memory_region": "r"}}),
            "shared memory is not supported; send the values at /inputs/0/parameters/shared_memory_region",
        ),
        (
            body(X, outputs=[{"name": "label", "parameters": {"shared_memory_region": "r"}}]),
            "shared memory is not supported",
        ),
    ],
)
def test_an_invalid_document_is_rejected(document: bytes, message: str) -> None:
    assert message in rejection(IRIS, document)


@pytest.mark.parametrize(
    ("size", "raw", "message"),
    [
        (32, b"\0" * 31, "expected 32 bytes, got 31 at /inputs/0/parameters/binary_data_size"),
        (32, b"\0" * 33, "unexpected 1 bytes at the end of the body, after the last input"),
        (28, b"\0" * 28, "FP32 of shape [2, 4] needs 32 bytes, got 28"),
        (-1, b"", "expected a whole number from 0"),
        (2**62, b"\0" * 32, f"expected {2**62} bytes, got 32"),
    ],
)
def test_raw_contents_that_do_not_match_are_rejected(size: int, raw: bytes, message: str) -> None:
    document = body({**SIZED, "parameters": {"binary_data_size": size}})
    assert message in rejection(IRIS, document + raw, b"%d" % len(document))


@pytest.mark.parametrize(
    ("place", "name", "maximum"),
    [
        ("request", "timeout", 86_400_000_000),
        ("request", "priority", 18_446_744_073_709_551_615),
        ("output", "classification", 2_147_483_647),
        ("input", "binary_data_size", 9_223_372_036_854_775_807),
    ],
)
def test_a_parameter_is_a_whole_number_up_to_its_maximum(place: str, name: str, maximum: int) -> None:
    def document(value: int) -> bytes:
        parameters = {name: value}
        members = {
            "request": {"parameters": parameters},
            "output": {"outputs": [{"name": "label", "parameters": parameters}]},
        }
        tensor = {**SIZED, "parameters": parameters} if place == "input" else X
        return body(tensor, **members.get(place, {}))

    read_document(document(maximum))
    with pytest.raises(InvalidRequest, match=f"expected a whole number from 0 to {maximum}, got"):
        read_document(document(maximum + 1) if maximum < 2**64 - 1 else document(-1))


def test_a_string_may_be_sent_without_a_list_and_a_number_only_without_axes() -> None:
    assert read(TEXT, body({"name": "text", "shape": [1], "datatype": "BYTES", "data": "a"}))["text"].tolist() == ["a"]
    assert "expected a list, got null" in rejection(IRIS, body({**X, "data": None}))
    for tensor in ({"shape": [1], "datatype": "FP32", "data": 1}, {"shape": [1], "datatype": "FP32", "data": "1"}):
        assert "expected a list" in rejection(one("FP32"), body({"name": "x", **tensor}))


def test_values_are_base64_only_if_their_content_type_and_datatype_say_so() -> None:
    text = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["aGk="]}
    assert read(TEXT, body(text))["text"].tolist() == ["aGk="]
    assert read(TEXT, body({**text, "parameters": {"content_type": "str"}}))["text"].tolist() == ["aGk="]
    encoded = {"content_type": "base64"}
    assert read(TEXT, body({**text, "parameters": encoded}))["text"].tolist() == ["hi"]
    for bad in ("aGk", "a Gk="):
        message = rejection(TEXT, body({**text, "parameters": encoded, "data": [bad]}))
        assert "input 'text': value 0 is not base64" in message
    assert read(one("FP32"), body({"name": "x", "shape": [1], "datatype": "FP32", "data": [1], "parameters": encoded}))


@pytest.mark.parametrize("length", [b"-1", b"+5", b"1e2", b" 5", b"9" * 20, b"9" * 5000, "\u0665".encode(), b"x"])
def test_a_header_length_that_is_not_a_number_is_rejected(length: bytes) -> None:
    assert "expected a number of bytes in Inference-Header-Content-Length" in rejection(IRIS, body(X), length)


def test_a_header_length_past_the_end_is_rejected() -> None:
    assert "is 1000, but the body has only" in rejection(IRIS, body(X), b"1000")


def test_a_header_length_in_the_middle_of_the_json_is_rejected() -> None:
    assert "not valid JSON" in rejection(IRIS, body(X), b"20")


# Raw bodies


@pytest.mark.parametrize("zero", [b"0", b"000"])
def test_a_body_without_a_header_is_the_one_input(zero: bytes) -> None:
    call = InferCodec("m", 1, IRIS).decode(ROWS.tobytes(), zero)
    assert equal(call.request.inputs["X"], ROWS)
    assert all(requested.binary for requested in call.requested_outputs)


def test_a_raw_body_of_bytes_is_one_value_without_its_length() -> None:
    assert InferCodec("m", 1, TEXT).decode(b"hello", b"0").request.inputs["text"].tolist() == ["hello"]


def test_a_raw_body_of_bytes_has_the_axes_of_its_input() -> None:
    assert InferCodec("m", 1, one("BYTES", (FREE, 1))).decode(b"hello", b"0").request.inputs["x"].tolist() == [
        ["hello"]
    ]


def test_a_raw_body_is_one_row_only_if_the_model_has_rows() -> None:
    whole = Signature((TensorSpec("x", "UINT8", (FREE, FREE)),), (TensorSpec("y", "FP32", ()),))
    assert "several axes of any length" in rejection(whole, b"abc", b"0")


def test_a_raw_body_for_a_model_with_two_free_axes_is_one_row() -> None:
    signature = one("UINT8", (FREE, FREE))
    assert InferCodec("m", 1, signature).decode(b"abc", b"0").request.inputs["x"].tolist() == [[97, 98, 99]]


def test_a_raw_body_of_a_fixed_shape_is_that() -> None:
    raw = np.zeros((2, 3), np.float32).tobytes()
    assert InferCodec("m", 1, FIXED).decode(raw, b"0").request.inputs["x"].shape == (2, 3)


@pytest.mark.parametrize(
    ("signature", "raw", "message"),
    [
        (MIXED, b"", "to a model with one required input; this has 3"),
        (IRIS, b"\0" * 15, "expected a multiple of 16 bytes, got 15"),
        (IRIS, b"", "expected at least one row, got none"),
        (FIXED, b"\0", "FP32 of shape [2, 3] needs 24 bytes, got 1"),
        (one("INT8", (FREE, FREE, FREE)), b"\0", "several axes of any length"),
        (one("BYTES", (FREE, 2)), b"\0", "expects several values, but a body without JSON holds one"),
        (one("INT8", (FREE, 0)), b"\0", "expected a multiple of 0 bytes"),
    ],
)
def test_a_raw_body_that_does_not_determine_the_shape_is_rejected(
    signature: Signature, raw: bytes, message: str
) -> None:
    assert message in rejection(signature, raw, b"0")


# Responses


def test_a_response_names_model_and_version_and_every_output() -> None:
    response, rest = response_of(body(X, id="42"))
    assert rest == b""
    assert response == {
        "model_name": "m",
        "model_version": "3",
        "id": "42",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["setosa", "virginica"]},
            {"name": "scores", "datatype": "FP32", "shape": [2, 3], "data": [0.5, 0.25, 0.25, 0, 0, 1]},
        ],
    }


def test_a_response_to_a_request_without_an_id_has_none() -> None:
    assert "id" not in response_of(body(X))[0]


def test_only_the_requested_outputs_are_returned_in_order() -> None:
    response, _ = response_of(body(X, outputs=[{"name": "scores"}]))
    assert [output["name"] for output in response["outputs"]] == ["scores"]


def test_all_outputs_are_binary_on_request() -> None:
    response, rest = response_of(body(X, parameters={"binary_data_output": True}))
    assert [output["parameters"]["binary_data_size"] for output in response["outputs"]] == [23, 24]
    assert all("data" not in output for output in response["outputs"])
    assert rest == b"\x06\0\0\0setosa\x09\0\0\0virginica" + SCORES.tobytes()


def test_the_parameter_of_an_output_overrides_that_of_the_request() -> None:
    outputs = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "scores"}]
    response, rest = response_of(body(X, outputs=outputs, parameters={"binary_data_output": True}))
    assert response["outputs"][0]["data"] == ["setosa", "virginica"]
    assert rest == SCORES.tobytes()


def test_a_classification_replaces_the_output() -> None:
    requested = {"name": "scores", "parameters": {"classification": 1}}
    response, _ = response_of(body(X, outputs=[requested]))
    assert response["outputs"] == [
        {"name": "scores", "datatype": "BYTES", "shape": [2, 1], "data": ["0.500000:0:setosa", "1.000000:2:virginica"]}
    ]


def test_a_classification_may_be_binary() -> None:
    requested = {"name": "scores", "parameters": {"classification": 1, "binary_data": True}}
    assert (
        response_of(body(X, outputs=[requested]))[1] == b"\x11\0\0\x000.500000:0:setosa\x14\0\0\x001.000000:2:virginica"
    )


def test_labels_cannot_be_classified() -> None:
    with pytest.raises(InvalidRequest, match="output 'label' does not hold numbers"):
        response_of(body(X, outputs=[{"name": "label", "parameters": {"classification": 1}}]))


def test_values_that_are_not_finite_are_null_and_bytes_are_base64() -> None:
    outputs = {"label": texts(b"\xff", "x"), "scores": np.array([[np.nan, np.inf, 1]])}
    response, _ = response_of(body(X), outputs=outputs)
    assert [output["data"] for output in response["outputs"]] == [[{"b64": "/w=="}, "x"], [None, None, 1]]


def test_a_scalar_output_has_no_axes() -> None:
    codec = InferCodec("m", 1, WHOLE)
    matrix = {"name": "matrix", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    scale = {"name": "scale", "shape": [], "datatype": "FP32", "data": [3]}
    response = codec.encode(codec.decode(body(matrix, scale)), {"norm": np.array(2.5, np.float32)})
    assert orjson.loads(response.body)["outputs"] == [{"name": "norm", "datatype": "FP32", "shape": [], "data": [2.5]}]


@pytest.mark.parametrize(("timeout", "seconds"), [(0, None), (1_500_000, 1.5), (86_400_000_000, 86_400)])
def test_a_timeout_is_in_microseconds_and_0_is_none(timeout: int, seconds: float | None) -> None:
    assert InferCodec("m", 1, IRIS).decode(body(X, parameters={"timeout": timeout, "priority": 2})).timeout_s == seconds


@pytest.mark.parametrize(
    "parameters", [{"sequence_id": 7}, {"sequence_id": "a"}, {"sequence_start": True}, {"sequence_end": True}], ids=str
)
def test_a_request_of_a_sequence_is_rejected(parameters: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"parameter '{next(iter(parameters))}': sequences are not supported"):
        InferCodec("m", 1, IRIS).decode(body(X, parameters=parameters))


def test_a_request_may_say_that_it_has_no_sequence() -> None:
    parameters = {"sequence_id": 0, "sequence_start": False, "sequence_end": False, "of_my_own": 1}
    assert InferCodec("m", 1, IRIS).decode(body(X, parameters=parameters)).timeout_s is None


def test_a_model_without_rows_gets_what_it_declares() -> None:
    spec = Signature((TensorSpec("x", "INT32", (2,)),), (TensorSpec("y", "INT32", ()),))
    assert read(spec, body({"name": "x", "shape": [2], "datatype": "INT32", "data": [1, 2]}))["x"].tolist() == [1, 2]


def test_a_row_of_an_image_is_nested_deep() -> None:
    image = {"name": "image", "shape": [1, 2, 2, 1], "datatype": "FP32", "data": [[[[1], [2]], [[3], [4]]]]}
    assert read(IMAGE, body(image))["image"].ravel().tolist() == [1, 2, 3, 4]
