"""Infer requests of the Open Inference Protocol over REST, and the values in their responses."""

from typing import Any

import numpy as np
import orjson

from tests.contract.client import Response, request

INFER = "/v2/models/doubler/infer"
VERSIONED = "/v2/models/doubler/versions/3/infer"


def body(*values: float, **members: Any) -> bytes:
    head = {"name": "x", "shape": [len(values), 1], "datatype": "FP32", "data": values}
    return orjson.dumps({"inputs": [head], **members})


def binary(*values: float, **members: Any) -> tuple[bytes, bytes]:
    """The JSON and the raw contents after it."""
    raw = np.array(values, np.float32).tobytes()
    head = {"name": "x", "shape": [len(values), 1], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    return orjson.dumps({"inputs": [head], **members}), raw


def infer(document: bytes, raw: bytes = b"", path: str = INFER, **headers: str) -> bytes:
    """A request. If raw contents follow the JSON, a header has the JSON's length."""
    length = {"inference_header_content_length": str(len(document))} if raw else {}
    return request(path, document + raw, **length, **headers)


def values(response: Response) -> list[float]:
    """The values of the only output."""
    assert response.status == 200, response.body
    [output] = response.json["outputs"]
    found: list[float] = output["data"]
    return found


def refused(response: Response, status: int, message: str) -> None:
    assert response.status == status, response.body
    assert response.header("content-type") == "application/json"
    assert response.json.keys() == {"error"}
    assert message in response.json["error"]
    assert "server-timing" not in dict(response.headers)
