"""The control API of a running server, and changes that wait for approval."""

import contextlib
import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.serve.models import ECHO, ECHO_TIMES_THREE
from tests.serve.project import Project, Server

ASK = {"instances": [4]}


def test_status_comes_from_the_running_server_and_fits_80_columns(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = json.loads(server.command("status", "-o", "json").stdout)
    assert result["server"]["phase"] == "serving"
    assert {"echo", "iris"} <= {model["name"] for model in result["models"] if model["traffic"] or model["batching"]}
    monkeypatch.setitem(server.environment, "COLUMNS", "80")
    heading, *rows = server.command("top", "-n", "1").stdout.splitlines()
    assert len(rows) == len(result["models"])
    assert max(map(len, (heading, *rows))) <= 80
    assert "…" not in server.command("status", "-o", "wide").stdout


def test_a_second_server_in_another_folder_reports_the_ports_that_are_in_use(server: Server, tmp_path: Path) -> None:
    shutil.copytree(server.project.root / "serve_config", tmp_path / "serve_config")
    (tmp_path / "serve_config" / "server.yaml").write_text(
        f"http: {{port: {server.project.port}}}\ngrpc: {{port: {server.project.grpc_port}}}\nmetrics:\n"
        f"  {{port: {server.project.metrics_port}, edge_port: {server.project.edge_metrics_port},\n"
        f"   ray_port: {server.project.ray_metrics_port}}}\n"
    )
    done = server.command("up", "--config", str(tmp_path / "serve_config"), check=False)
    assert done.returncode == 1
    by = f"is in use by the server in {server.project.root} (process {server.process.pid})"
    for line, key, port in (
        (1, "http.port", server.project.port),
        (2, "grpc.port", server.project.grpc_port),
        (4, "metrics.port", server.project.metrics_port),
        (4, "metrics.edge_port", server.project.edge_metrics_port),
        (5, "metrics.ray_port", server.project.ray_metrics_port),
    ):
        assert f": error: {key}: 127.0.0.1:{port} {by}" in done.stderr
        assert f"server.yaml:{line}:" in done.stderr


def test_events_are_logged_with_their_time(server: Server) -> None:
    events = [json.loads(line) for line in (server.project.root / ".modelyard/events.jsonl").read_text().splitlines()]
    assert {("add", "iris"), ("state", "iris")} <= {(event["event"], event.get("model")) for event in events}
    assert all(event["time"].endswith("+00:00") for event in events)


def test_changes_wait_for_approval_also_when_ray_dies(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_python("echo", ECHO)
    project.configure("echo", "runtime: python:model:Model\ntrusted: true\n")
    server = Server(project, None, "--approve")
    try:
        starting = server.command("status", check=False)
        assert "no server" in starting.stderr or "the server is starting" in starting.stderr
        server.wait_up()
        project.add_python("echo", ECHO_TIMES_THREE, version=2)
        server.wait_printed("restart echo: version 1")
        assert "restart echo: version 1" in server.command("plan").stdout
        assert "pending `modelyard apply`: restart echo" in server.command("status").stderr
        assert server.predict("echo", ASK).json()["predictions"] == [8.0]

        server.kill("raylet")
        server.wait_printed("starting again")
        server.wait_for(lambda: server.responds("echo", ASK), what="the model after Ray's death")
        assert server.predict("echo", ASK).json()["predictions"] == [8.0]

        done = server.command("apply", "--wait")
        assert "restart echo: version 1" in done.stdout
        server.wait_for(lambda: server.predict("echo", ASK).json()["predictions"] == [12.0], what="version 2")
        assert "no changes" in server.command("plan").stdout

        project.configure("echo", "runtime: python:model:Model\ntrusted: true\ndescription: by signal\n")
        server.wait_for(lambda: "echo" in server.command("plan").stdout, what="the plan")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: server.models()["echo"]["description"] == "by signal", what="what SIGHUP applies")
    finally:
        server.stop()
    assert not (tmp_path / ".modelyard" / "control.sock").exists()


LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
"""127.0.0.1 and ::1 as in the kernel's socket lists (proc(5)), and 127.0.0.1 in IPv6 form."""


def test_no_process_of_the_server_listens_on_an_external_address(server: Server) -> None:
    sockets = set()
    for pid in server.processes():
        with contextlib.suppress(OSError):  # it has ended
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets.add(str(descriptor.readlink()))
    listening = [
        (fields[1].rpartition(":")[0], int(fields[1].rpartition(":")[2], 16))
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path("/proc/net", table).read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets
    ]
    assert len(listening) > 20
    assert [port for address, port in listening if address not in LOOPBACK] == []
