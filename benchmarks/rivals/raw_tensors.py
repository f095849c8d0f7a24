"""Tensors as bytes, as the Open Inference Protocol sends them in gRPC messages and in its binary extension of REST."""

from typing import Any

DATATYPES = {"float32": "FP32", "float64": "FP64", "int64": "INT64"}


def to_bytes(array: Any) -> tuple[str, bytes]:
    """The datatype and the contents. A text is preceded by its length in 4 bytes."""
    if array.dtype.name in DATATYPES:
        return DATATYPES[array.dtype.name], array.tobytes()
    texts = [text.encode() for text in array.tolist()]
    return "BYTES", b"".join(len(text).to_bytes(4, "little") + text for text in texts)
