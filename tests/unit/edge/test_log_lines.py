"""Which lines of HAProxy's log are lost requests, and what each says."""

import json

import pytest

from modelyard.edge.failed_request_log import UNKNOWN_REPLICA, LostRequest, parse_log_line
from modelyard.edge.takeover import NEWEST_SERVER
from modelyard.http.request import REQUEST_ID_CHARS

REPLICA = "SERVE_REPLICA::churn#Model-r7"
LINE = {
    "model": "churn",
    "client_id": "mine-1",
    "generated_id": "edge-1",
    "client": "10.0.0.7",
    "status": 503,
    "termination": "SH",
    "server": REPLICA,
    "frontend": "edge_http",
    "total_ms": 12,
    "bytes": 77,
}


def parsed(**values: object) -> LostRequest | None:
    """The lost request of a line with these values."""
    return parse_log_line(json.dumps(LINE | values).encode() + b"\n\0", REQUEST_ID_CHARS)


def test_a_line_says_which_request_was_lost():
    assert parsed() == LostRequest("churn", "mine-1", "10.0.0.7", "http", "r7", 12.0, 77)


@pytest.mark.parametrize(("frontend", "protocol"), [("edge_grpc", "grpc"), ("edge_http", "http")])
def test_the_protocol_is_that_of_the_frontend(frontend: str, protocol: str):
    lost = parsed(frontend=frontend)
    assert lost is not None
    assert lost.protocol == protocol


@pytest.mark.parametrize(
    ("server", "status", "termination", "replica"),
    [
        (REPLICA, 200, "SD", "r7"),
        (REPLICA, 504, "sH", "r7"),
        (NEWEST_SERVER, 503, "SH", UNKNOWN_REPLICA),
        ("<NOSRV>", 503, "SC", ""),
        ("<NOSRV>", 500, "--", ""),
        ("SERVE_PROXY_ACTOR-1", 504, "sH", ""),
    ],
)
def test_a_request_is_lost_if_its_server_failed_or_there_was_none(
    server: str, status: int, termination: str, replica: str
):
    lost = parsed(server=server, status=status, termination=termination)
    assert lost is not None
    assert lost.replica == replica


@pytest.mark.parametrize(
    "values",
    [
        {"termination": "CD"},
        {"termination": "--"},
        {"termination": "cS"},
        {"server": NEWEST_SERVER, "termination": "CD"},
        {"server": "<NOSRV>", "status": 499},
        {"server": "<NOSRV>", "status": 404},
        {"model": ""},
        {"model": "-"},
    ],
    ids=str,
)
def test_a_request_that_was_answered_or_was_for_no_model_is_not_lost(values: dict[str, object]):
    assert parsed(**values) is None


@pytest.mark.parametrize("offered", ["", "-", "a b", "é"])
def test_a_request_without_a_valid_id_has_the_generated_one(offered: str):
    lost = parsed(client_id=offered)
    assert lost is not None
    assert lost.request_id == "edge-1"


def test_an_unknown_duration_is_zero():
    """HAProxy writes -1."""
    lost = parsed(total_ms=-1)
    assert lost is not None
    assert lost.total_ms == 0.0
