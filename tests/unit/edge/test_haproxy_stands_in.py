"""HAProxy dies: clients wait for the next one, which stands in until Serve has started its own."""

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
from modelyard.edge.listening_sockets import KeptSockets
from tests.unit.edge.proxy import PATIENCE_S, Answer, Edge, backend

CHURN = "/models/churn/predict"


@pytest.fixture
def served_admin(edge: Edge) -> Path:
    """The admin socket where Serve puts it: in a folder of the node's."""
    folder = edge.folder / "node"
    folder.mkdir(parents=True)
    return edge.link / "node" / "admin.sock"


@pytest.fixture
def files(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> EdgeFiles:
    """As the server's process has them."""
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


def test_a_client_that_comes_while_no_haproxy_runs_waits_for_the_next(
    edge: Edge, files: EdgeFiles, served_admin: Path
) -> None:
    edge.write()
    kept = KeptSockets(files.sockets)
    answers: list[Answer] = []
    with backend("gateway") as gateway, backend("churn") as churn:
        ports = {"gateway": [gateway.port], "churn": [churn.port]}
        with edge.running(ports, admin=served_admin) as haproxy:
            kept.fetch(served_admin)
            kill(haproxy)
        client = threading.Thread(target=lambda: answers.append(edge.ask(CHURN, "POST", b"{}")))
        client.start()
        with edge.running(ports, admin=served_admin):
            client.join(PATIENCE_S)
    kept.close()
    assert [answer.body for answer in answers] == [b"churn"]
    assert not files.sockets.exists()


def test_who_asks_for_the_kept_sockets_gets_what_haproxy_gave(edge: Edge, files: EdgeFiles, served_admin: Path) -> None:
    edge.write()
    first, second = KeptSockets(files.sockets), KeptSockets(edge.link / "other.sock")
    with edge.running({"churn": [1]}, admin=served_admin) as haproxy:
        assert pid_of(served_admin) == haproxy.pid == files.haproxy()
        first.fetch(served_admin)
        second.fetch(files.sockets)
        shapes = [[(part.description, len(part.sockets)) for part in kept._parts] for kept in (first, second)]
    first.close()
    second.close()
    assert shapes[0] == shapes[1]
    assert sum(count for _, count in shapes[0]) >= 5, "ours and Serve's"


def test_a_haproxy_that_is_gone_gives_no_sockets(edge: Edge, files: EdgeFiles, served_admin: Path) -> None:
    kept = KeptSockets(files.sockets)
    with pytest.raises(AdminError):
        kept.fetch(served_admin)
    kept.close()


def test_another_haproxy_stands_in_until_serve_has_started_its_own(
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
            until(files.sockets.exists, "the sockets to be kept")
            kill(first)
            assert edge.ask(CHURN, "POST", b"{}").body == b"churn"
            assert reports == ["HAProxy has died: a standby serves until Ray Serve has restarted it"]
            with pytest.raises(AdminError):
                pid_of(served_admin)
        with edge.running({}, admin=served_admin) as second:
            assert pid_of(served_admin) == second.pid
            assert edge.ask(CHURN, "POST", b"{}").body == b"churn", "Serve lists its applications a moment later"
            kill(second)
            assert edge.ask(CHURN, "POST", b"{}").body == b"churn"


def test_at_the_end_of_the_server_nobody_stands_in(edge: Edge, files: EdgeFiles, served_admin: Path) -> None:
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}, admin=served_admin) as haproxy:
        with standing_in(files, []):
            until(files.sockets.exists, "the sockets to be kept")
        kill(haproxy)
        with pytest.raises(ConnectionRefusedError):
            edge.ask("/models")
