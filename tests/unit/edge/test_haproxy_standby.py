"""HAProxy dies: clients wait for a standby, which serves until Serve has started its own."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.control.haproxy_standby import HaproxyStandby
from modelyard.control.ports import haproxy_binary
from modelyard.edge.admin_socket import AdminError, pid_of
from modelyard.edge.files import EdgeFiles
from modelyard.edge.listening_sockets import ListeningSockets
from tests.unit.edge.proxy import PATIENCE_S, Edge, Response, backend

CHURN = "/models/churn/predict"


@pytest.fixture
def served_admin(edge: Edge) -> Path:
    """The admin socket where Serve puts it, in a folder that is named after the node."""
    folder = edge.folder / "node"
    folder.mkdir(parents=True)
    return edge.link / "node" / "admin.sock"


@pytest.fixture
def files(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> EdgeFiles:
    """With the environment of the server process."""
    monkeypatch.setenv("MODELYARD_HAPROXY", str(haproxy_binary()))
    monkeypatch.setenv("MODELYARD_EDGE", str(edge.link))
    return EdgeFiles(edge.link)


@contextmanager
def standing_in(files: EdgeFiles, reports: list[str]) -> Iterator[None]:
    stand_in = HaproxyStandby(files, reports.append)
    stand_in.start()
    try:
        yield
    finally:
        stand_in.close()


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)


def kill(haproxy: subprocess.Popen[bytes]) -> None:
    haproxy.kill()
    haproxy.wait()


def test_a_client_that_connects_while_no_haproxy_runs_waits_for_the_next_one(
    edge: Edge, files: EdgeFiles, served_admin: Path
) -> None:
    edge.write()
    kept = ListeningSockets(files.sockets_path)
    answers: list[Response] = []
    with backend("gateway") as gateway, backend("churn") as churn:
        ports = {"gateway": [gateway.port], "churn": [churn.port]}
        with edge.running(ports, admin=served_admin) as haproxy:
            kept.fetch(served_admin)
            kill(haproxy)
        client = threading.Thread(target=lambda: answers.append(edge.fetch(CHURN, "POST", b"{}")))
        client.start()
        with edge.running(ports, admin=served_admin):
            client.join(PATIENCE_S)
    kept.close()
    assert [response.body for response in answers] == [b"churn"]
    assert not files.sockets_path.exists()


def test_the_next_process_gets_the_sockets_that_haproxy_sent(edge: Edge, files: EdgeFiles, served_admin: Path) -> None:
    edge.write()
    first, second = ListeningSockets(files.sockets_path), ListeningSockets(edge.link / "other.sock")
    with edge.running({"churn": [1]}, admin=served_admin) as haproxy:
        assert pid_of(served_admin) == haproxy.pid == files.haproxy_pid()
        first.fetch(served_admin)
        second.fetch(files.sockets_path)
        shapes = [[(part.description, len(part.sockets)) for part in kept._messages] for kept in (first, second)]
    first.close()
    second.close()
    assert shapes[0] == shapes[1]
    assert sum(count for _, count in shapes[0]) >= 5, "ours and Serve's"


def test_a_haproxy_that_has_ended_sends_no_sockets(edge: Edge, files: EdgeFiles, served_admin: Path) -> None:
    kept = ListeningSockets(files.sockets_path)
    with pytest.raises(AdminError):
        kept.fetch(served_admin)
    kept.close()


def test_a_standby_haproxy_serves_until_serve_has_started_its_own(
    edge: Edge, files: EdgeFiles, served_admin: Path
) -> None:
    edge.write()
    reports: list[str] = []
    with (
        backend("gateway") as gateway,
        backend("churn") as churn,
        standing_in(files, reports),
    ):
        with edge.running({"gateway": [gateway.port], "churn": [churn.port]}, admin=served_admin) as first:
            until(files.sockets_path.exists, "the sockets to be kept")
            kill(first)
            assert edge.fetch(CHURN, "POST", b"{}").body == b"churn"
            assert reports == ["HAProxy has died: a standby serves until Ray Serve has restarted it"]
            with pytest.raises(AdminError):
                pid_of(served_admin)
        with edge.running({}, admin=served_admin) as second:
            assert pid_of(served_admin) == second.pid
            assert edge.fetch(CHURN, "POST", b"{}").body == b"churn", "Serve lists its applications a moment later"
            kill(second)
            assert edge.fetch(CHURN, "POST", b"{}").body == b"churn"


def test_no_standby_starts_when_the_server_stops(edge: Edge, files: EdgeFiles, served_admin: Path) -> None:
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}, admin=served_admin) as haproxy:
        with standing_in(files, []):
            until(files.sockets_path.exists, "the sockets to be kept")
        kill(haproxy)
        with pytest.raises(ConnectionRefusedError):
            edge.fetch("/models")
