"""Invalid requests, in every protocol that can express them."""

import io
import struct
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from modelyard.tensors import FREE, Signature, TensorSpec
from tests.contract.protocol_clients import Binary, raw
from tests.unit.protocols.arrow.streams import lists, stream

SIGNATURE = Signature(
    inputs=(TensorSpec("x", "FP32", (FREE, 1)), TensorSpec("t", "BYTES", (FREE, 1), optional=True)),
    outputs=(TensorSpec("y", "FP32", (FREE, 1)),),
)
"""Input of the model."""

DEEP: Any = 1
for _ in range(70):
    DEEP = [DEEP]

Cases = dict[str, tuple[Any, str]]
"""By the mistake: the request, and a part of its error message."""


def json(**members: Any) -> bytes:
    return orjson.dumps(members)


# JSON documents of our own protocols and of TensorFlow's


def documents(*, outputs: bool) -> Cases:
    cases: Cases = {
        "shape": (json(inputs={"x": [[1, 2]]}), "1 value"),
        "datatype": (json(instances=[{"x": ["a"]}]), "expected a number"),
        "bytes": (json(inputs={"x": [[1]], "t": [[7]]}), "expected"),
        "name": (json(inputs={"X": [[1]]}), 'unknown input "X"'),
        "missing": (json(inputs={"t": [["a"]]}), "missing"),
        "extra": (json(inputs={"x": [[1]], "z": [[1]]}), "unknown"),
        "rows that differ": (json(inputs={"x": [[1], [2]], "t": [["a"]]}), "row"),
        "too many dimensions": (json(inputs={"x": DEEP}), "expected"),
        "too large a number": (b'{"instances": [{"x": [1e39]}]}', "FP32"),
        "zero rows": (json(instances=[]), "at least one"),
        "no json": (b'{"instances": [[1', "not valid JSON"),
        "no text": (b'{"instances": ["\xff"]}', "not UTF-8"),
        "nothing": (b"", "empty"),
    }
    if outputs:
        cases["output"] = (json(inputs={"x": [[1]]}, outputs=["z"]), "unknown output")
    return cases


CSV: Cases = {
    "shape": (b"x\n1,2\n", "2"),
    "datatype": (b"x\na\n", "expected a number"),
    "name": (b"X\n1\n", 'unknown column "X"'),
    "missing": (b"t\na\n", "missing"),
    "extra": (b"x,z\n1,2\n", "unknown"),
    "zero rows": (b"x\n", "at least one"),
    "a quote without end": (b'x\n"1\n', "not valid CSV"),
    "no text": (b"x\n\xff\n", "not UTF-8"),
    "nothing": (b"", "empty"),
}


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_headed(shape: str, descr: str = "<f4", values: bytes = raw(1)) -> bytes:
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + values


NPY: Cases = {
    "shape": (npy(np.ones((1, 2), np.float32)), "expected shape"),
    "datatype": (npy(np.array([["a"]])), "expected an array of FP32"),
    "objects": (npy_headed("(1, 1)", "|O"), "not supported"),
    "bytes": (npy(np.ones((2, 1), np.float32))[:-1], "says 8 bytes"),
    "negative dimensions": (npy_headed("(-1, 1)"), "says -4 bytes"),
    "overflowing dimensions": (npy_headed(f"({2**63}, {2**63})"), "bytes of values, got 4"),
    "too many dimensions": (npy_headed(f"({'1,' * 70})"), "too large"),
    "zero rows": (npy(np.ones((0, 1), np.float32)), "at least one row"),
    "truncated header": (npy(np.ones((1, 1), np.float32))[:40], "not a valid .npy file (numpy.save)"),
    "nothing": (b"", "not a valid .npy file (numpy.save)"),
}
ARROW: Cases = {
    "shape": (stream({"x": lists([[1, 2]], 2)}), "scalars"),
    "datatype": (stream({"x": ["a"]}), "expected a column of numbers"),
    "name": (stream({"X": [1.0]}), 'unknown column "X"'),
    "missing": (stream({"t": ["a"]}), "missing"),
    "extra": (stream({"x": [1.0], "z": [1.0]}), "unknown"),
    "zero rows": (stream({"x": pa.array([], pa.float32())}), "at least one"),
    "bytes": (stream({"x": [1.0] * 50})[:-200], "not a valid Arrow stream"),
    "nothing": (b"", "not a valid Arrow stream"),
}

# The Open Inference Protocol: its inputs are the same in JSON, in binary and over gRPC

X = {"name": "x", "datatype": "FP32", "shape": [1, 1]}
T = {"name": "t", "datatype": "BYTES", "shape": [1, 1]}
HEADS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "shape": ([{**X, "shape": [1, 2]}], "expected shape [-1, 1]"),
    "datatype": ([{**X, "datatype": "BYTES"}], "expected FP32"),
    "unknown datatype": ([{**X, "datatype": "FP8"}], "unknown datatype"),
    "name": ([{**X, "name": "X"}, T], "unknown input 'X'"),
    "missing": ([T], "missing input 'x'"),
    "extra": ([X, {**X, "name": "z"}], "unknown input 'z'"),
    "twice": ([X, X], "duplicate"),
    "negative dimensions": ([{**X, "shape": [-1, 1]}], "the axes of a request must not be negative"),
    "overflowing dimensions": ([{**X, "shape": [2**62, 1]}], "got"),
    "too many dimensions": ([{**X, "shape": [1] * 5000}], "expected shape [-1, 1], got [1, 1"),
    "zero rows": ([{**X, "shape": [0, 1]}], "at least one row"),
    "rows that differ": ([X, {**T, "shape": [2, 1]}], "differ in their first axis"),
}
TEXTS = struct.pack("<I", 1) + b"a"
LONG = struct.pack("<I", 2**32 - 1) + b"a"


def contents(head: dict[str, Any]) -> bytes:
    """Raw contents of the length in the header, up to a limit."""
    size = head["shape"][0] if head["shape"][0] in (0, 2) else 1
    return TEXTS * size if head["datatype"] == "BYTES" else raw(*range(size))


def values(head: dict[str, Any]) -> list[Any]:
    size = head["shape"][0] if head["shape"][0] in (0, 2) else 1
    return (["a"] if head["datatype"] == "BYTES" else [1.5]) * size


def oip(heads: list[dict[str, Any]], **members: Any) -> bytes:
    return json(inputs=[{**head, "data": values(head)} for head in heads], **members)


def binary(heads: list[dict[str, Any]], pieces: list[bytes] | None = None, **members: Any) -> Binary:
    raws = [contents(head) for head in heads] if pieces is None else pieces
    inputs = [{**head, "parameters": {"binary_data_size": len(piece)}} for head, piece in zip(heads, raws, strict=True)]
    return Binary(json(inputs=inputs, **members), b"".join(raws))


GOOD_BINARY = binary([X])
OIP_JSON: Cases = {
    **{case: (oip(heads), says) for case, (heads, says) in HEADS.items()},
    "values": (json(inputs=[{**X, "data": [1, 2]}]), "2"),
    "type of a value": (json(inputs=[{**X, "data": ["a"]}]), "expected a number"),
    "too deep": (json(inputs=[{**X, "data": DEEP}]), "expected"),
    "output": (oip([X], outputs=[{"name": "z"}]), "unknown output 'z'"),
    "fractional dimensions": (json(inputs=[{**X, "shape": [1.5], "data": [1]}]), "expected a whole number"),
    "huge dimensions": (oip([X]).replace(b"[1,1]", b"[18446744073709551617,1]"), "expected a whole number"),
    "nothing": (b"", "empty"),
}
OIP_BINARY: Cases = {
    **{case: (binary(heads), says) for case, (heads, says) in HEADS.items()},
    "bytes": (binary([X], [raw(1, 2)]), "needs 4 bytes, got 8"),
    "bytes that did not come": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw[:-1]), "got 3"),
    "bytes after the last input": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw + b"\0"), "after the last input"),
    "BYTES past the end": (binary([X, T], [raw(1), LONG]), "exceeds the contents by"),
    "BYTES without a length": (binary([X, T], [raw(1), b"\0\0\0"]), "are too few for the length of a BYTES value"),
    "BYTES too many": (binary([X, T], [raw(1), TEXTS * 2]), "got 2"),
    "output": (binary([X], outputs=[{"name": "z"}]), "unknown output 'z'"),
    "truncated header": (Binary(GOOD_BINARY.document, b"", str(len(GOOD_BINARY.document) - 9)), "not valid JSON"),
    "header length within the JSON": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw, "9"), "not valid JSON"),
    "header length past the end": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw, "9999"), "but the body has only"),
}
HTTP_ONLY: Cases = {
    "negative header length": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw, "-1"), "expected a number of bytes"),
    "endless header length": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw, "9" * 5000), "expected a number of bytes"),
    "unsaid header length": (Binary(GOOD_BINARY.document, GOOD_BINARY.raw, ""), ""),
}
RAW_BODY: Cases = {"bytes": (raw(1)[:-1], "expected a multiple of 4 bytes"), "zero rows": (b"", "at least one row")}
GRPC: Cases = {
    **{
        case: ({"inputs": heads, "raw_input_contents": [contents(head) for head in heads]}, says)
        for case, (heads, says) in HEADS.items()
    },
    "bytes": ({"inputs": [X], "raw_input_contents": [raw(1)[:-1]]}, "needs 4 bytes, got 3"),
    "no contents": ({"inputs": [X]}, "1 value, got 0"),
    "contents of no input": (
        {"inputs": [X], "raw_input_contents": [raw(1)] * 2},
        "as many raw_input_contents as inputs, 1, got 2",
    ),
    "BYTES past the end": ({"inputs": [X, T], "raw_input_contents": [raw(1), LONG]}, "exceeds the contents by"),
    "BYTES without a length": (
        {"inputs": [X, T], "raw_input_contents": [raw(1), b"\0\0\0"]},
        "are too few for the length of a BYTES value",
    ),
    "output": ({"inputs": [X], "raw_input_contents": [raw(1)], "outputs": [{"name": "z"}]}, "unknown output 'z'"),
    "largest dimensions": (
        {"inputs": [{**X, "shape": [2**63 - 1, 1]}], "raw_input_contents": [raw(1)]},
        "bytes, got 4",
    ),
}
GENERATE: Cases = {
    "shape": (json(x=[[1, 2]]), "expected"),
    "datatype": (json(x="a"), "expected a number"),
    "name": (json(X=1), 'unknown input "X"'),
    "missing": (json(t="a"), "missing input 'x'"),
    "extra": (json(x=1, z=[1]), "expected a string, number or boolean"),
    "twice": (json(x=1, parameters={"x": 1}), "duplicate"),
    "too many dimensions": (json(x=DEEP), "expected"),
    "zero rows": (json(x=[]), "expected"),
    "parameters": (json(x=1, parameters=[]), "expected an object"),
    "no json": (b"{", "not valid JSON"),
    "nothing": (b"", "empty"),
}
PREDICT = documents(outputs=True)
MESSAGES = {case: message for case, message in PREDICT.items() if case != "no text"}
"""For WebSockets, which close on a text message that is not UTF-8."""
ONE = json(inputs={"x": [[1.5]]})

GOOD: dict[str, Any] = {
    **dict.fromkeys(("predict", "invocations", "tensorflow", "events", "websocket", "websocket parts"), ONE),
    "csv": b"x\n1.5\n",
    "npy": npy(np.array([[1.5]], np.float32)),
    "arrow": stream({"x": [1.5]}),
    "oip": oip([X, T]),
    "oip binary": binary([X, T]),
    "oip raw body": raw(1.5),
    "websocket binary": binary([X, T]),
    "grpc": {"inputs": [X], "raw_input_contents": [raw(1.5)]},
    "grpc stream": {"inputs": [X], "raw_input_contents": [raw(1.5)]},
    "generate": json(x=1.5),
    "generate stream": json(x=1.5),
}
"""A valid request of each protocol."""
BAD: dict[str, Cases] = {
    **dict.fromkeys(("predict", "invocations", "events"), PREDICT),
    **dict.fromkeys(("websocket", "websocket parts"), MESSAGES),
    "tensorflow": documents(outputs=False),
    "csv": CSV,
    "npy": NPY,
    "arrow": ARROW,
    "oip": OIP_JSON,
    "oip binary": {**OIP_BINARY, **HTTP_ONLY},
    "oip raw body": RAW_BODY,
    "websocket binary": OIP_BINARY,
    "grpc": GRPC,
    "grpc stream": GRPC,
    "generate": GENERATE,
    "generate stream": GENERATE,
}
