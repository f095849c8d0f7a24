"""The receiver of HAProxy's log: its socket, and its limits."""

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.control.lost_requests import LostRequests
from modelyard.control.writes import Writes
from modelyard.edge.failed_request_log import LOG_SOCKET
from modelyard.replica_files import request_records

PATIENCE_S = 20


def line(request_id: str, server: str = "SERVE_REPLICA_iris-model-x4k2", frontend: str = "edge_http") -> bytes:
    values = {"model": "iris", "client_id": request_id, "generated_id": "edge-1", "client": "10.0.0.7", "status": 503}
    return json.dumps(
        {**values, "termination": "SH", "server": server, "frontend": frontend, "total_ms": 1500, "bytes": 40}
    ).encode()


class Received:
    """What is written to the request log of `iris`."""

    def __init__(self, root: Path) -> None:
        self.now = 1000.5
        self.edge, self.requests = root / "run" / "lb", root / "requests"
        self.lost = LostRequests(self.edge, self.requests, Writes(), now=lambda: self.now)

    @property
    def records(self) -> list[dict[str, object]]:
        path = request_records.request_log_path(self.requests, "iris")
        return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def received() -> Iterator[Received]:
    """In a folder whose name is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Received(Path(folder))


def test_a_lost_request_is_an_error_of_its_own_duration(received: Received):
    received.lost.take(line("one", frontend="edge_grpc"))
    assert received.records == [
        {
            "time": "1970-01-01T00:16:40.500+00:00",
            "request_id": "one",
            "model": "iris",
            "version": "",
            "protocol": "grpc",
            "code": "error",
            "outcome": "ReplicaLost",
            "rows": 0,
            "queue_ms": 0.0,
            "compute_ms": 0.0,
            "total_ms": 1500.0,
            "batch_rows": 0,
            "bytes": 40,
            "client": "10.0.0.7",
            "replica": "x4k2",
        }
    ]


def test_a_request_that_haproxy_sent_to_another_replica_has_a_record_without_details(received: Received):
    assert received.lost.of_replica("iris", "x4k2", ("quiet",)) == ("quiet",)
    (record,) = received.records
    assert (record["replica"], record["total_ms"], record["bytes"]) == ("x4k2", 0.0, 0)


def test_a_request_that_serves_proxy_had_sent_to_the_replica_has_one_record(received: Received):
    for request_id in ("waited", "had"):
        received.lost.take(line(request_id, server="SERVE_PROXY_ACTOR-1"))
    assert received.lost.of_replica("iris", "x4k2", ("had",)) == ("had",)
    assert [record["request_id"] for record in received.records] == ["waited", "had"]


def test_five_hundred_records_are_written_in_a_second(received: Received):
    for number in range(502):
        received.lost.take(line(f"r{number}"))
    assert len(received.records) == 500
    received.now = 1000.99
    received.lost.take(line("same-second"))
    assert len(received.records) == 500
    received.now = 1001.0
    received.lost.take(line("next-second"))
    assert [record["request_id"] for record in received.records][500:] == ["next-second"]


def test_ten_thousand_requests_of_replicas_are_remembered(received: Received):
    """Requests that no replica had are not remembered."""
    received.lost.take(line("first"))
    for _ in range(9_998):
        received.lost.take(line("more", server="SERVE_REPLICA_iris-model-other"))
    received.lost.take(line("no-replica", server="<NOSRV>"))
    received.lost.take(line("last"))
    assert received.lost.of_replica("iris", "x4k2", ()) == ("first", "last")
    for _ in range(2):
        received.lost.take(line("again"))
    received.lost.take(line("again"))
    assert len(received.lost.of_replica("iris", "other", ())) == 9_997


def test_the_socket_replaces_one_that_an_ended_server_left(received: Received, monkeypatch: pytest.MonkeyPatch):
    got, arrived = [], threading.Event()

    def take(text: bytes) -> None:
        got.append(text)
        arrived.set()

    monkeypatch.setattr(received.lost, "take", take)
    received.edge.mkdir(parents=True)
    (received.edge / LOG_SOCKET).touch()
    received.lost.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as haproxy:
        long = b"x" * 8192
        haproxy.sendto(long, str(received.edge / LOG_SOCKET))
        assert arrived.wait(PATIENCE_S)
    assert got == [long]


def test_only_the_owner_can_reach_the_socket(received: Received):
    received.lost.start()
    assert received.edge.stat().st_mode & 0o777 == 0o700


def test_a_server_that_ends_does_not_wait_for_the_log(received: Received):
    received.lost.start()
    listening = [thread for thread in threading.enumerate() if thread.name == "lost-requests"]
    assert {thread.daemon for thread in listening} == {True}
