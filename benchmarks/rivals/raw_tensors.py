"""Tensors as bytes, as the Open Inference Protocol sends them in gRPC messages and in its binary extension of REST.

Sources: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

HEADER_LENGTH = "inference-header-content-length"
DATATYPES = {"float32": "FP32", "float64": "FP64", "int64": "INT64"}


def to_bytes(array: Any) -> tuple[str, bytes]:
    """The datatype and the contents. A text is preceded by its length in 4 bytes."""
    if array.dtype.name in DATATYPES:
        return DATATYPES[array.dtype.name], array.tobytes()
    texts = [text.encode() for text in array.tolist()]
    return "BYTES", b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def read_request(body: bytes, header_length: int) -> Any:
    """The rows of a request with one FP32 input."""
    shape = orjson.loads(body[:header_length])["inputs"][0]["shape"]
    return np.frombuffer(body, np.float32, offset=header_length).reshape(shape)


def write_response(names: Sequence[str], outputs: Sequence[Any]) -> tuple[bytes, int]:
    """The body of a response with binary outputs, and the length of its JSON."""
    heads, contents = [], []
    for name, output in zip(names, outputs, strict=True):
        datatype, content = to_bytes(output)
        size = {"binary_data_size": len(content)}
        heads.append({"name": name, "datatype": datatype, "shape": output.shape, "parameters": size})
        contents.append(content)
    header = orjson.dumps({"outputs": heads})
    return b"".join([header, *contents]), len(header)
