"""The JSON of an earlier request is not parsed again if only the raw contents behind it differ."""

import json
from typing import Any

import numpy as np
import orjson
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip import codec as codec_module
from modelyard.protocols.oip.codec import InferCodec, OipRequest, raw_bytes
from modelyard.tensors import FREE, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (FREE, 2)), TensorSpec("k", "INT64", (FREE,)), TensorSpec("t", "BYTES", (FREE,))),
    (TensorSpec("y", "FP32", (FREE,)), TensorSpec("z", "FP32", (FREE,))),
)
NUMBERS = Signature(SIGNATURE.inputs[:2], SIGNATURE.outputs)
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
K = {"name": "k", "shape": [1], "datatype": "INT8", "parameters": {"binary_data_size": 1}}
T = {"name": "t", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}


def header(*inputs: Any, **members: Any) -> bytes:
    return orjson.dumps({"inputs": inputs, **members})


def raw(first: float) -> bytes:
    return np.array([first, 2], np.float32).tobytes() + b"\x03"


def decode_twice(monkeypatch: pytest.MonkeyPatch, json: bytes, *raws: bytes, signature: Signature = NUMBERS) -> Any:
    """The second of two requests with this header; None if its JSON was parsed again."""
    codec = InferCodec("m", 1, signature)
    codec.decode(json + raws[0], b"%d" % len(json))
    parsed: list[bytes] = []
    read_document = codec_module.read_document

    def record(json: bytes) -> Any:
        parsed.append(json)
        return read_document(json)

    monkeypatch.setattr(codec_module, "read_document", record)
    decoded = codec.decode(json + raws[1], b"%d" % len(json))
    return None if parsed else decoded


def test_a_repeated_header_is_read_with_its_own_values(monkeypatch: pytest.MonkeyPatch) -> None:
    json = header(X, K, outputs=[{"name": "z"}], parameters={"timeout": 2_000_000})
    decoded = decode_twice(monkeypatch, json, raw(1), raw(5))
    assert {name: array.tolist() for name, array in decoded.request.inputs.items()} == {"x": [[5, 2]], "k": [3]}
    assert (decoded.request.outputs, decoded.id, decoded.timeout_s) == (("z",), "", 2.0)
    assert [requested.name for requested in decoded.requested_outputs] == ["z"]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_a_repeated_header_with_another_id_is_read_with_its_own_id(
    monkeypatch: pytest.MonkeyPatch, separators: tuple[str, str]
) -> None:
    codec = InferCodec("m", 1, NUMBERS)

    def decode(members: dict[str, str], first: float) -> OipRequest:
        head = json.dumps({**members, "inputs": [X, K]}, separators=separators).encode()
        return codec.decode(head + raw(first), b"%d" % len(head))

    assert decode({"id": "first-1"}, 1).id == "first-1"
    monkeypatch.setattr(codec_module, "read_document", None)
    for request_id, first in (("second:22222", 5), ("3", 7)):
        decoded = decode({"id": request_id}, first)
        assert (decoded.id, decoded.request.inputs["x"].tolist()) == (request_id, [[first, 2]])
    assert decode({}, 9).id == ""


@pytest.mark.parametrize(
    ("head", "request_id"),
    [
        (b'{"id":"a b",%s}', "a b"),
        (b'{"id":"\\u0061",%s}', "a"),
        (b'{"id":"",%s}', ""),
        (b'{%s,"id":"7"}', "7"),
        (b'{"id":"6",%s,"id":"7"}', "7"),
        (b'{"id":"6",%s,"i\\u0064":"7"}', "7"),
    ],
)
def test_a_header_with_an_id_in_another_form_is_parsed_each_time(
    monkeypatch: pytest.MonkeyPatch, head: bytes, request_id: str
) -> None:
    whole = head % header(X, K)[1:-1]
    assert InferCodec("m", 1, NUMBERS).decode(whole + raw(1), b"%d" % len(whole)).id == request_id
    if request_id:
        assert decode_twice(monkeypatch, whole, raw(1), raw(5)) is None


def test_a_header_with_values_that_must_be_checked_is_parsed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [raw(1) + b"\x01\0\0\0a", raw(5) + b"\x01\0\0\0b"]
    assert decode_twice(monkeypatch, header(X, K, T), *texts, signature=SIGNATURE) is None


@pytest.mark.parametrize(("size", "cached"), [(4096, True), (4097, False)])
def test_a_header_of_up_to_4096_bytes_is_cached(monkeypatch: pytest.MonkeyPatch, size: int, cached: bool) -> None:
    json = header(X, K).ljust(size)
    assert (decode_twice(monkeypatch, json, raw(1), raw(5)) is not None) is cached


def test_a_document_without_raw_contents_is_parsed_each_time() -> None:
    codec = InferCodec("m", 1, NUMBERS)
    data = [{**X, "parameters": {}, "data": [1, 2]}, {**K, "parameters": {}, "data": [3]}]
    for value in (1, 7):
        data[0]["data"] = [value, 2]
        assert codec.decode(header(*data)).request.inputs["x"].tolist() == [[value, 2]]


def test_a_tensor_of_another_datatype_is_read_in_its_own() -> None:
    codec = InferCodec("m", 1, NUMBERS)
    x: dict[str, Any] = {"name": "x", "shape": [2, 2], "datatype": "INT8", "data": [[1, 2], [3, 4]]}
    k = {"name": "k", "shape": [2], "datatype": "INT64", "data": [5, 6]}
    assert codec.decode(header(x, k)).request.inputs["x"].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InvalidRequest, match=r"from -128 to 127 \(INT8\), got the number 300 at /inputs/0/data/1/0"):
        codec.decode(header({**x, "data": [[1, 2], [300, 4]]}, k))


@pytest.mark.parametrize(
    ("size", "message"),
    [(8, "expected 1 bytes, got 0"), (10, "unexpected 1 bytes at the end of the body, after the last input")],
)
def test_the_error_counts_the_bytes_behind_the_inputs_before(size: int, message: str) -> None:
    json = header(X, K)
    with pytest.raises(InvalidRequest, match=message):
        InferCodec("m", 1, NUMBERS).decode(json + bytes(size), b"%d" % len(json))


def test_events_are_json_on_one_line_without_raw_contents() -> None:
    codec = InferCodec("m", 1, NUMBERS)
    json = header(X, K)
    decoded = codec.decode_for_json(json + raw(1), b"%d" % len(json))
    assert isinstance(decoded, OipRequest)
    outputs = {"y": np.array([1.5], np.float32), "z": np.array([2.5], np.float32)}
    assert orjson.loads(codec.encode_json(decoded, outputs))["outputs"][0]["data"] == [1.5]
    for binary in ({"parameters": {"binary_data_output": True}}, {"outputs": [{"name": "y"}, BINARY]}):
        json = header(X, K, **binary)
        with pytest.raises(InvalidRequest, match="raw contents cannot be requested here"):
            codec.decode_for_json(json + raw(1), b"%d" % len(json))


BINARY = {"name": "z", "parameters": {"binary_data": True}}


@pytest.mark.parametrize(
    ("header_length", "expected"),
    [(b"7", 3), (b"10", 0), (b"11", 0), (b"0", 10), (b"", 0), (b"-1", 0), (b"x", 0), (b"7".zfill(19), 3)],
)
def test_the_bytes_behind_the_json_are_counted(header_length: bytes, expected: int) -> None:
    assert raw_bytes(bytes(10), header_length) == expected


def test_a_header_length_has_at_most_19_digits() -> None:
    assert raw_bytes(bytes(10), b"7".zfill(20)) == 0
