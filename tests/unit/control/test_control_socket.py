"""The control socket: its file, HTTP on it, and how the command handles the responses."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.control_client import RunningServer, running_server
from modelyard.config.diagnostic import SpecError
from modelyard.control import control_socket
from modelyard.control.control_server import ControlServer
from modelyard.control.plan import NeedsConfirmation


class Replies:
    """Answers every request with the same response, and records them."""

    def __init__(self) -> None:
        self.reply: tuple[int, dict[str, Any]] = (200, {})
        self.got: list[tuple[str, str, Any]] = []

    def response(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        self.got.append((method, path, body))
        return self.reply


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / ".modelyard"
    folder.mkdir()
    return folder


@pytest.fixture
def replies() -> Replies:
    return Replies()


@pytest.fixture
def server(state: Path, replies: Replies) -> Iterator[RunningServer]:
    with control_socket.listen(state) as listener:
        serving = ControlServer(listener, replies.response)
        serving.start()
        yield RunningServer(state, state.parent / "serve_config")
        serving.stop()


def raw(state: Path, request: bytes) -> bytes:
    with control_socket.connect(state, 5) as connection, connection.makefile("rb") as stream:
        connection.sendall(request)
        return stream.read()


def test_it_is_for_its_owner_alone(state: Path) -> None:
    with control_socket.listen(state):
        found = (state / "control.sock").lstat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_a_path_that_is_longer_than_the_kernel_accepts_works(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    opened = len([*Path("/proc/self/fd").iterdir()])
    with control_socket.listen(deep) as listener, control_socket.connect(deep, 5) as client:
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
    assert (deep / "control.sock").is_socket()
    assert len([*Path("/proc/self/fd").iterdir()]) == opened


def test_the_socket_of_a_server_that_was_killed_is_replaced(state: Path) -> None:
    control_socket.listen(state).close()
    with pytest.raises(ConnectionRefusedError):
        control_socket.connect(state, 5)
    with control_socket.listen(state):
        control_socket.connect(state, 5).close()


def test_a_folder_without_a_server_has_none(tmp_path: Path, state: Path) -> None:
    assert running_server(tmp_path / "serve_config") is None
    control_socket.listen(state).close()
    assert running_server(tmp_path / "serve_config") is None


def test_a_server_is_found_by_the_state_that_server_yaml_names_even_where_other_keys_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", "run")
    (tmp_path / "run/here").mkdir(parents=True)
    (tmp_path / "serve_config").mkdir()
    server_yaml = tmp_path / "serve_config" / "server.yaml"
    with control_socket.listen(tmp_path / "run/here"):
        assert running_server(tmp_path / "serve_config") is None
        server_yaml.write_text("htp: {port: 1}\nstate: ${WHERE}/here\n")
        assert running_server(tmp_path / "serve_config")
        server_yaml.write_text("state: ${WHERE}/here\nray: {address: 'head:6379'}\n")
        assert running_server(tmp_path / "serve_config") is None, "it may run on a cluster"


def test_a_key_that_is_a_comment_counts_for_nothing(tmp_path: Path, state: Path) -> None:
    (tmp_path / "serve_config").mkdir()
    server_yaml = tmp_path / "serve_config" / "server.yaml"
    with control_socket.listen(state):
        for text in (
            "# state: elsewhere\n",
            "http: {port: 9}  # not ray.address\n",
            "ray:\n  # address: head:1\n  cpus: 2\n",
        ):
            server_yaml.write_text(text)
            assert running_server(tmp_path / "serve_config"), text


def test_a_file_that_is_no_yaml_leaves_the_usual_folder(tmp_path: Path, state: Path) -> None:
    (tmp_path / "serve_config").mkdir()
    (tmp_path / "serve_config" / "server.yaml").write_text("a: [")
    with control_socket.listen(state):
        assert running_server(tmp_path / "serve_config")


def test_a_status_is_a_get_and_a_plan_names_the_folder(server: RunningServer, replies: Replies, state: Path) -> None:
    replies.reply = (200, {"models": []})
    assert server.status() == {"models": []}
    server.plan()
    server.apply(allow_removals=True)
    folder = str(state.parent / "serve_config")
    assert replies.got == [
        ("GET", "/v1/status", None),
        ("POST", "/v1/plan", {"config": folder}),
        ("POST", "/v1/apply", {"config": folder, "allow_removals": True}),
    ]


def test_errors_have_the_path_as_the_operator_would_write_it(state: Path, replies: Replies) -> None:
    with control_socket.listen(state) as listener:
        serving = ControlServer(listener, replies.response)
        serving.start()
        result = {
            "line": 3,
            "column": 1,
            "message": "unknown key",
            "path": f"{state.parent.absolute()}/conf/models/a.yaml",
        }
        replies.reply = (422, {"diagnostics": [result, {**result, "path": "server.yaml"}]})
        here = Path(os.path.relpath(state.parent / "conf"))
        with pytest.raises(SpecError) as raised:
            RunningServer(state, here).plan()
        serving.stop()
    assert [each.path for each in raised.value.diagnostics] == [f"{here}/models/a.yaml", "server.yaml"]


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        ((409, {"withheld": "3 of the 4 models"}), NeedsConfirmation, "3 of the 4 models"),
        ((404, {"error": "there is no GET /v1/status"}), ConnectionError, "different releases"),
        (
            (503, {"error": "the server is starting: starting Ray"}),
            ConnectionError,
            "the server is starting: starting Ray",
        ),
        ((500, {"error": "KeyError: 'a'"}), ConnectionError, "KeyError: 'a'"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_an_error_with_the_reason(
    server: RunningServer, replies: Replies, reply: tuple[int, dict[str, Any]], error: type[Exception], text: str
) -> None:
    replies.reply = reply
    with pytest.raises(error, match=text):
        server.status()


def test_a_server_that_ends_during_a_request_is_reported(state: Path) -> None:
    with control_socket.listen(state) as listener:

        def end() -> None:
            accepted, _ = listener.accept()
            accepted.close()

        threading.Thread(target=end, daemon=True).start()
        with pytest.raises(ConnectionError, match="the connection to the server at"):
            RunningServer(state, state).status()


@pytest.mark.parametrize(
    "request_", [b"POST /v1/plan HTTP/1.0\r\n\r\n", b"POST /v1/plan HTTP/1.0\r\ncontent-length: 2\r\n\r\n{]"]
)
def test_a_body_that_is_no_json_is_a_bad_request(server: RunningServer, state: Path, request_: bytes) -> None:
    assert b" 400 " in raw(state, request_).partition(b"\r\n")[0]


def test_a_fault_in_an_answer_is_500_and_the_next_request_is_answered(state: Path) -> None:
    faults = [RuntimeError("broken")]

    def response(*_: Any) -> tuple[int, dict[str, Any]]:
        if faults:
            raise faults.pop()
        return 200, {}

    with control_socket.listen(state) as listener:
        serving = ControlServer(listener, response)
        serving.start()
        with pytest.raises(ConnectionError, match="RuntimeError: broken"):
            RunningServer(state, state).status()
        assert RunningServer(state, state).status() == {}
        serving.stop()


def test_two_processes_use_the_same_socket_one_after_the_other(state: Path) -> None:
    """The supervisor answers while no server process runs; requests of that time wait and are not lost."""
    with control_socket.listen(state) as listener:
        first = ControlServer(listener, lambda *_: (200, {"who": "first"}))
        first.start()
        assert RunningServer(state, state).status() == {"who": "first"}
        first.stop()
        with control_socket.connect(state, 5) as waiting, waiting.makefile("rb") as stream:
            waiting.sendall(b"GET /v1/status HTTP/1.0\r\n\r\n")
            same = socket.socket(fileno=os.dup(listener.fileno()))
            second = ControlServer(same, lambda *_: (200, {"who": "second"}))
            second.start()
            assert b'"second"' in stream.read()
        second.stop()
        same.close()
