"""Requests and responses in the binary extension of the Open Inference Protocol: JSON, and tensors as bytes after it.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from benchmarks.rivals.raw_tensors import to_bytes

HEADER_LENGTH = "inference-header-content-length"


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
