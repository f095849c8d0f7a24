"""When the running HAProxy gets the models' timeouts."""

from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.control import edge_timeouts
from modelyard.control.edge_timeouts import EdgeTimeouts
from modelyard.edge.admin_socket import AdminError
from modelyard.edge.files import EdgeFiles
from modelyard.edge.model_maps import EdgeModel


class Running:
    """An edge whose HAProxy processes are simulated: by the names of their sockets, their process ids."""

    def __init__(self, folder: Path) -> None:
        self.files = EdgeFiles(folder)
        self.processes: dict[str, int] = {}
        self.sent: list[tuple[str, str, str]] = []
        self.reported: list[str] = []
        self.timeouts = EdgeTimeouts(self.files)

    def write(self, timeout_s: float) -> None:
        self.files.write(ServerSpec(), {"churn": EdgeModel("/models/churn", timeout_s=timeout_s)})

    def start(self, pid: int, *sockets: str) -> None:
        (self.files.folder / "haproxy.pid").write_text(f"{pid}")
        for name in sockets:
            self.processes[name] = pid
            (self.files.folder / name).mkdir()
            (self.files.folder / name / "admin.sock").touch()

    def pid_of(self, socket: Path) -> int:
        return self.processes[socket.parent.name]

    def replace_map(self, socket: Path, name: str, content: str) -> None:
        self.sent.append((socket.parent.name, name, content))

    def check(self) -> list[tuple[str, str, str]]:
        """What one more check sends."""
        self.sent.clear()
        self.timeouts.check(self.reported.append)
        return self.sent


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    running = Running(tmp_path)
    monkeypatch.setattr(edge_timeouts, "pid_of", running.pid_of)
    monkeypatch.setattr(edge_timeouts, "replace_map", running.replace_map)
    running.write(timeout_s=1)
    return running


def test_each_process_and_each_content_is_sent_once(running: Running):
    assert running.check() == [], "no HAProxy runs yet"
    running.start(7, "a")
    assert running.check() == [("a", "timeouts.map", "churn 4000\n")]
    assert running.check() == []
    running.write(timeout_s=2)
    assert running.check() == [("a", "timeouts.map", "churn 5000\n")]
    running.start(8, "b")
    assert running.check() == [("b", "timeouts.map", "churn 5000\n")], "not to the process before"
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
        "HAProxy has other timeouts of models than the configuration: process 7 does not respond at its admin socket yet"
    )
    running.start(7, "a")
    assert len(running.check()) == 1
    assert running.reported[2:] == [""]
    running.start(8)
    for _ in range(4):
        running.check()
    assert len(running.reported) == 3, "the failures before do not count"
    running.check()
    assert len(running.reported) == 4


@pytest.mark.parametrize("error", [AdminError("no such map"), OSError("no socket")])
def test_what_could_not_be_sent_is_sent_again(running: Running, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def fail(*_: object) -> None:
        raise error

    running.start(7, "a")
    with monkeypatch.context() as patched:
        patched.setattr(edge_timeouts, "replace_map", fail)
        running.check()
    assert running.check() == [("a", "timeouts.map", "churn 4000\n")]
