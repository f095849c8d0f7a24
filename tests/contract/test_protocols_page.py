"""Every HTTP path in docs/protocols.md behaves as its table describes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import connect

from modelyard.protocols.predict import routes as predict_routes
from modelyard.protocols.websocket import routes as websocket_routes
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import ONE
from tests.contract.test_infer_over_http import body
from tests.fakes import DOUBLER, PATIENCE_S, FakeModel
from tests.unit.gateway.gateway_client import entry, get_response, pooled_entry

PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()
ROWS = re.findall(r"^\| (GET|POST|WS) \| `(/[^`]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)
AT_THE_EDGE = ("/ping", "/invocations")
"""Rewritten by HAProxy: see tests/unit/edge."""
OF_A_MODEL = re.compile(r"/(models|v1/models|v2/models)/<name>.*(?<!/stats)(?<!/openapi.json)")
"""Paths that a replica serves."""
SCORED = Signature(
    DOUBLER.inputs, (TensorSpec("y", "FP32", (FREE, 2)),), task="classification", classes=("a", "b"), scores="y"
)
NUMBERED = Signature(DOUBLER.inputs, DOUBLER.outputs, task="regression")


def status_of(state: str) -> int:
    return 501 if state == "unsupported" else 200


def filled(path: str) -> str:
    return (
        path.replace("<name>", "doubler")
        .replace("<version>", "3")
        .replace("<label>", "stable")
        .replace("<region>", "r")
    )


def test_the_page_lists_what_it_is_about() -> None:
    assert len(ROWS) > 40
    assert all(state == "unsupported" or state.startswith("works") for _, _, state in ROWS)


@pytest.mark.parametrize(
    ("method", "path", "state"), [row for row in ROWS if OF_A_MODEL.fullmatch(row[1]) and row[0] != "WS"], ids=str
)
def test_a_models_path_behaves_as_documented(replica: Make, method: str, path: str, state: str) -> None:
    model = FakeModel()
    sent = {"infer": body(1), "infer_stream": body(1), "invocations": ONE, "predict": ONE, "stream": ONE}.get(
        verb := re.split("[/:]", path)[-1], b""
    )
    if verb.startswith("generate"):
        sent = b'{"x": 1}'
    if path.endswith(":classify"):
        model, sent = (
            FakeModel(lambda inputs: {"y": np.repeat(inputs["x"], 2, 1)}, signature=SCORED),
            b'{"examples":[{"x":1}]}',
        )
    elif path.endswith(":regress"):
        model, sent = FakeModel(signature=NUMBERED), b'{"examples":[{"x":1}]}'
    response = replica(model).fetch(request(filled(path), sent, method=method))
    assert response.status == status_of(state), response.body


@pytest.mark.parametrize("path", [path for method, path, _ in ROWS if method == "WS"])
def test_a_models_websocket_behaves_as_documented(replica: Make, path: str) -> None:
    with connect(f"ws://127.0.0.1:{replica(FakeModel()).http_server.port}{filled(path)}", proxy=None) as socket:
        socket.send(ONE.decode())
        assert json.loads(socket.recv(PATIENCE_S))["predictions"] == [[3.0]]


def test_the_page_lists_every_path_of_a_model() -> None:
    listed = {path for _, path, _ in ROWS}
    verbs = re.findall(r"/(\w+)(?=[|)])", predict_routes.BELOW_ROUTE) + re.findall(
        r"/(\w+)/\?$", websocket_routes.BELOW_ROUTE
    )
    assert {"predict", "stream", "ws"} <= {*verbs}
    for verb in verbs:
        assert {f"/models/<name>/{verb}", f"/models/<name>/versions/<version>/{verb}"} <= listed


@pytest.mark.parametrize(
    ("method", "path", "state"),
    [row for row in ROWS if not OF_A_MODEL.fullmatch(row[1]) and row[1] not in AT_THE_EDGE],
    ids=str,
)
def test_the_servers_path_behaves_as_documented(method: str, path: str, state: str) -> None:
    served = pooled_entry("doubler") if state.endswith("of a pool") else entry("doubler", versions=[3])
    response = get_response(filled(path), method, b"", [served])
    assert response.status == status_of(state), response.body
