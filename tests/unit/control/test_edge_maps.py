"""When the running HAProxy gets the maps of models, and which applications it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.control import edge_maps
from modelyard.control.edge_maps import EdgeMaps
from modelyard.edge.admin_socket import AdminError
from modelyard.edge.files import EdgeFiles
from modelyard.edge.model_maps import REPLICAS_FILE, EdgeModel


class Running:
    """An edge whose HAProxy processes are simulated: by the names of their sockets, their process ids."""

    def __init__(self, folder: Path) -> None:
        self.files = EdgeFiles(folder)
        self.processes: dict[str, int] = {}
        self.sent: list[tuple[str, str, str]] = []
        self.error: Exception | None = None
        """What fails when a map is sent."""
        self.replicas: dict[str, set[str]] = {}
        self.reported: list[str] = []
        self.maps = EdgeMaps(self.files)

    def write(self, timeout_s: float, *, route: str = "/models/churn", pool: str = "", retries: bool = True) -> None:
        model = EdgeModel(route, timeout_s=timeout_s, retries=retries, pool=pool)
        self.files.write(ServerSpec(), {"churn": model})

    def start(self, pid: int, *sockets: str) -> None:
        (self.files.folder / "haproxy.pid").write_text(f"{pid}")
        for name in sockets:
            self.processes[name] = pid
            (self.files.folder / name).mkdir()
            (self.files.folder / name / "admin.sock").touch()

    @contextmanager
    def session(self, socket: Path) -> Iterator["SimulatedSession"]:
        yield SimulatedSession(self, socket.parent.name)

    def check(self) -> list[tuple[str, str, str]]:
        """What one more check sends."""
        self.sent.clear()
        self.maps.check(self.reported.append)
        return self.sent


class SimulatedSession:
    """A session with one of these processes."""

    def __init__(self, running: Running, name: str) -> None:
        self._running = running
        self._name = name

    def pid(self) -> int:
        return self._running.processes[self._name]

    def replace_map(self, name: str, content: str) -> None:
        if error := self._running.error:
            raise error
        self._running.sent.append((self._name, name, content))

    def has_key(self, name: str, key: str) -> bool:
        return name == REPLICAS_FILE and key in self._running.replicas[self._name]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    running = Running(tmp_path)
    monkeypatch.setattr(edge_maps, "session", running.session)
    running.write(timeout_s=1)
    return running


def whole(socket: str, timeout_ms: int) -> list[tuple[str, str, str]]:
    """All maps of one model without a pool, as they are sent to a process that has just started."""
    empty = ("no-retry.map", "pools.map", "pool-routes.map", "spread.map")
    return [(socket, "timeouts.map", f"churn {timeout_ms}\n"), *((socket, name, "") for name in empty)]


def test_each_process_and_each_content_is_sent_once(running: Running):
    assert running.check() == [], "no HAProxy runs yet"
    running.start(7, "a")
    assert running.check() == whole("a", 4000)
    assert running.check() == []
    running.write(timeout_s=2)
    assert running.check() == [("a", "timeouts.map", "churn 5000\n")]
    running.start(8, "b")
    assert running.check() == whole("b", 5000), "not to the process before"
    assert running.check() == []
    assert set(running.reported) == {""}


def test_a_process_that_does_not_respond_for_five_checks_is_reported_until_it_does(running: Running):
    running.start(7)
    for _ in range(4):
        running.check()
    assert running.reported == []
    running.check()
    running.check()
    assert len(running.reported) == 2
    assert running.reported[0] == (
        "HAProxy has other models or timeouts than the configuration: process 7 does not respond at its admin socket yet"
    )
    running.start(7, "a")
    assert running.check() == whole("a", 4000)
    assert running.reported[2:] == [""]
    running.start(8)
    for _ in range(4):
        running.check()
    assert len(running.reported) == 3, "the failures before do not count"
    running.check()
    assert len(running.reported) == 4


@pytest.mark.parametrize("error", [AdminError("no such map"), OSError("no socket")])
def test_what_could_not_be_sent_is_sent_again(running: Running, error: Exception):
    running.start(7, "a")
    running.error = error
    assert running.check() == []
    running.error = None
    assert running.check() == whole("a", 4000)


def test_only_the_maps_that_have_changed_are_sent(running: Running):
    running.start(7, "a")
    running.check()
    running.write(timeout_s=1, route="/who", pool="_pool.small", retries=False)
    assert running.check() == [
        ("a", "no-retry.map", "churn 1\n"),
        ("a", "pools.map", "churn _pool.small\n"),
        ("a", "pool-routes.map", "/who/ churn\n"),
    ]


def test_an_application_is_reached_if_the_running_process_has_replicas_of_it(running: Running):
    running.replicas = {"a": {"churn"}, "b": {"_pool.small"}}
    assert not running.maps.reaches("churn"), "no HAProxy runs yet"
    running.start(7, "a")
    assert running.maps.reaches("churn")
    assert not running.maps.reaches("_pool.small")
    running.start(8, "b")
    assert running.maps.reaches("_pool.small")
    assert not running.maps.reaches("churn"), "the process before does not count"
