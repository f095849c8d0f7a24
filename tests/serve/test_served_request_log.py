"""The request log of a real server: the content of a record, and that no client can forge one."""

import json
import socket
import uuid
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc

from tests.serve.models import ECHO
from tests.serve.project import Server
from tests.serve.test_changes import TRUSTED

BODY = {"instances": [31337.125, 5]}
KEYS = [
    "time",
    "request_id",
    "model",
    "version",
    "protocol",
    "code",
    "outcome",
    "rows",
    "queue_ms",
    "compute_ms",
    "total_ms",
    "batch_rows",
    "bytes",
    "client",
    "replica",
]
FAILS = ECHO.replace("return", "assert inputs['x'][0] != 13\n        return")


def lines(server: Server, model: str) -> list[dict[str, Any]]:
    """All records of a model. Each line must be a valid record."""
    path = server.project.root / ".modelyard" / "requests" / f"{model}.jsonl"
    text = path.read_text() if path.exists() else ""
    result = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(list(line) == KEYS and line["model"] == model for line in result)
    return result


def line_of(server: Server, model: str, request_id: str) -> dict[str, Any]:
    """The record of this request, when it is written."""
    server.wait_for(
        lambda: any(line["request_id"] == request_id for line in lines(server, model)), what=f"line {request_id}"
    )
    (line,) = [line for line in lines(server, model) if line["request_id"] == request_id]
    return line


def named() -> str:
    return f"log-{uuid.uuid4().hex}"


def test_a_record_has_the_outcome_of_a_request_and_nothing_of_its_content(server: Server) -> None:
    before = datetime.now(UTC)
    response = server.predict("echo", BODY, headers={"x-request-id": (mine := named())})
    assert response.headers["x-request-id"] == mine
    line = line_of(server, "echo", mine)
    assert (line["version"], line["protocol"], line["code"], line["rows"]) == ("1", "predict", "ok", 2)
    assert line["bytes"] == len(response.request.body or b"")
    assert (line["outcome"], line["client"]) == ("OK", "127.0.0.1")
    assert line["replica"]
    assert line["batch_rows"] >= 2
    assert 0 <= line["queue_ms"] + line["compute_ms"] <= line["total_ms"] + 0.002
    assert abs((datetime.fromisoformat(line["time"]) - before).total_seconds()) < 60
    assert "31337" not in (server.project.root / ".modelyard" / "requests" / "echo.jsonl").read_text()


def test_a_clients_address_comes_from_the_edge_and_not_from_the_client(server: Server) -> None:
    spoofed = {"x-forwarded-for": "203.0.113.9", "x-request-id": (mine := named())}
    assert server.predict("echo", BODY, headers=spoofed).status_code == 200
    assert line_of(server, "echo", mine)["client"] == "127.0.0.1"
    found = json.loads(server.command("requests", "--id", mine, "-o", "json").stdout)
    assert [(each["request_id"], each["client"]) for each in found] == [(mine, "127.0.0.1")]


def test_records_distinguish_protocols_and_errors(server: Server) -> None:
    wrong, grpc = named(), named()
    assert server.predict("echo", {"instances": ["no number"]}, headers={"x-request-id": wrong}).status_code == 400
    tensor = tritonclient.grpc.InferInput("x", [1], "FP64")
    tensor.set_data_from_numpy(np.array([4.0]))
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
        client.infer("echo", [tensor], headers={"x-request-id": grpc})
    refused, called = line_of(server, "echo", wrong), line_of(server, "echo", grpc)
    assert (refused["code"], refused["batch_rows"], refused["compute_ms"]) == ("invalid", 0, 0)
    assert (called["code"], called["protocol"], called["rows"]) == ("ok", "grpc", 1)


def test_the_record_of_a_failed_request_has_the_id_that_its_client_got(fresh: Server) -> None:
    fresh.project.add_python("fails", FAILS)
    fresh.project.configure("fails", TRUSTED)
    # Before that, requests go through Serve's own proxy, which reports all errors as 503.
    fresh.wait_for(lambda: fresh.get("/models/fails").json().get("curl"), what="its replica at the edge")
    response = fresh.predict("fails", {"instances": [13]})
    assert response.status_code == 500
    line = line_of(fresh, "fails", response.headers["x-request-id"])
    assert (line["code"], line["rows"]) == ("error", 1)
    assert line["compute_ms"] > 0


FORGED = b'{"time":"2026-01-01T00:00:00.000+00:00","request_id":"forged"}'


@pytest.mark.parametrize(
    "header",
    [
        b"x-request-id: a\r\n " + FORGED,
        b"x-request-id: a\r" + FORGED,
        b"x-request-id: a\n" + FORGED,
        b"x-request-id: a\0" + FORGED,
        b"x-request-id: a%0d%0a" + FORGED,
        b"x-request-id: a\\n" + FORGED,
        b"x-request-id: a\xe2\x80\xa8\xc2\x85" + FORGED,
        b"x-request-id: a\x0b\x0c\x1b[2J" + FORGED,
        b"x-request-id: a\r\nx-request-id: " + FORGED,
    ],
    ids=["folded", "CR", "LF", "NUL", "percent", "escape", "Unicode's line ends", "terminal", "twice"],
)
def test_no_request_id_forges_a_record(server: Server, header: bytes) -> None:
    body, last = json.dumps(BODY).encode(), named()
    head = b"POST /models/echo/predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.project.port), timeout=30) as connection:
        connection.sendall(head % (len(body), header) + body)
        status = connection.recv(4096).split(b" ")[1]
    assert status in (b"200", b"400")
    # With one replica, records are in the order of the requests: a forged one would follow this one.
    server.predict("echo", BODY, headers={"x-request-id": last})
    line_of(server, "echo", last)
    assert not [line for line in lines(server, "echo") if "forged" in json.dumps(line)]
