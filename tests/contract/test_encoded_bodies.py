"""Compressed bodies, and JSON after a byte order mark, on every path that reads a body, on the fast path and on the slow path."""

import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import ONE
from tests.fakes import FakeGenerator

INFER_ONE = b'{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}]}'
PATHS = {
    "/models/doubler/predict": ONE,
    "/models/doubler/versions/3/predict": ONE,
    "/models/doubler/predict?probabilities=false": ONE,
    "/models/doubler/invocations": ONE,
    "/v1/models/doubler:predict": ONE,
    "/v1/models/doubler/versions/3:predict": ONE,
    "/v2/models/doubler/infer": INFER_ONE,
    "/v2/models/doubler/generate": b'{"x": 1.5}',
}
"""Every path that reads JSON, and a body for it."""
each_path = pytest.mark.parametrize("path", PATHS)


def content(response: Any) -> Any:
    """The response without the parts that differ from request to request."""
    return response.status, {name: value for name, value in response.json.items() if name != "id"}


@each_path
@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
    ],
)
def test_a_compressed_body_is_read(replica: Make, path: str, coding: str, compress: Callable[[bytes], bytes]) -> None:
    rig = replica()
    response = rig.fetch(request(path, compress(PATHS[path]), content_encoding=coding))
    assert content(response) == content(rig.fetch(request(path, PATHS[path])))
    assert response.status == 200


@each_path
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json_may_follow_a_byte_order_mark(replica: Make, path: str, content_type: str) -> None:
    rig = replica()
    response = rig.fetch(request(path, BOM_UTF8 + PATHS[path], content_type=content_type))
    assert content(response) == content(rig.fetch(request(path, PATHS[path])))
    assert response.status == 200


def test_both_at_once_are_read(replica: Make) -> None:
    packed = gzip.compress(BOM_UTF8 + ONE)
    assert replica().fetch(request("/models/doubler/predict", packed, content_encoding="gzip")).json["predictions"] == [
        [3.0]
    ]


def test_one_byte_order_mark_is_accepted_and_a_second_is_not(replica: Make) -> None:
    response = replica().fetch(request("/models/doubler/predict", BOM_UTF8 * 2 + ONE))
    assert (response.status, "not valid JSON" in response.json["detail"]) == (400, True)


@each_path
@pytest.mark.parametrize(
    ("body", "coding", "status", "says"),
    [
        (b"x", "br", 415, "only gzip and deflate are"),
        (b"no gzip", "gzip", 400, "the body is not valid gzip"),
        (gzip.compress(ONE)[:-4], "gzip", 400, "it is truncated"),
        (gzip.compress(bytes(1_000_000)), "gzip", 413, "inflates to more than the limit of 100000"),
    ],
    ids=["another coding", "not what it says", "cut short", "a bomb"],
)
def test_an_invalid_compressed_body_is_rejected_and_the_connection_stays_open(
    replica: Make, path: str, body: bytes, coding: str, status: int, says: str
) -> None:
    with replica(body=100_000).connect() as client:
        response = client.fetch(request(path, body, content_encoding=coding))
        assert response.status == status
        assert says in response.json.get("detail", response.json.get("error", ""))
        assert client.fetch(request(path, PATHS[path])).status == 200


@pytest.mark.parametrize("path", ["/models/doubler/stream", "/v2/models/doubler/generate_stream"])
def test_a_request_for_a_stream_may_be_compressed(replica: Make, path: str) -> None:
    body = b'{"x": 1.5}' if "generate" in path else ONE
    response = replica(FakeGenerator(1)).fetch(request(path, gzip.compress(BOM_UTF8 + body), content_encoding="gzip"))
    assert response.status == 200
