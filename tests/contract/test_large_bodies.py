"""Bodies that are decoded in another process, by every protocol."""

import gzip

import numpy as np
import orjson
import pytest

from modelyard.protocols.decoder.job import LARGE_BYTES
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import PREDICT

PADDING = b" " * LARGE_BYTES
VALUES = np.arange(200_000, dtype=np.float32) / 8
ROWS = b'{"instances": [[1.5]]}'
INFER = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.5]}]}'
GENERATE = "/v2/models/doubler/generate"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PREDICT, ROWS),
        ("/models/doubler/invocations", ROWS),
        ("/models/doubler/stream", ROWS),
        ("/v1/models/doubler:predict", ROWS),
        ("/v2/models/doubler/infer", INFER),
        ("/v2/models/doubler/infer_stream", INFER),
        (GENERATE, b'{"x": [1.5]}'),
    ],
)
def test_a_large_body_gets_the_same_response_as_a_small_one(replica: Make, path: str, body: bytes) -> None:
    rig = replica()
    small = rig.fetch(request(path, body))
    assert rig.version.decoder.process_id is None
    large = rig.fetch(request(path, body + PADDING))
    assert rig.version.decoder.process_id is not None
    assert (large.status, large.body) == (small.status, small.body)
    assert small.status == 200
    assert rig.model.batches == [1, 1]


def test_all_its_values_are_the_models(replica: Make) -> None:
    rig = replica()
    rows = orjson.dumps({"instances": VALUES[:100_000].reshape(-1, 1)}, option=orjson.OPT_SERIALIZE_NUMPY)
    response = rig.fetch(request(PREDICT, rows + PADDING))
    assert response.json["predictions"] == (2 * VALUES[:100_000].reshape(-1, 1)).tolist()


def test_what_a_smaller_body_inflates_to_counts(replica: Make) -> None:
    rig = replica()
    rows = orjson.dumps({"instances": (VALUES[:99_000] / 7).reshape(-1, 1)}, option=orjson.OPT_SERIALIZE_NUMPY)
    squeezed = gzip.compress(rows)
    assert len(squeezed) < LARGE_BYTES < len(rows)
    assert len(rig.fetch(request(PREDICT, squeezed, content_encoding="gzip")).json["predictions"]) == 99_000
    assert rig.version.decoder.process_id is not None


def test_bad_values_in_a_large_body_are_named(replica: Make) -> None:
    response = replica().fetch(request(PREDICT, b'{"instances": [[1], ["a"]]}' + PADDING))
    assert response.status == 400
    assert [bad["pointer"] for bad in response.json["errors"]] == ["/instances/1/0"]
