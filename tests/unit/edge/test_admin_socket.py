"""The commands that HAProxy gets at its admin socket, and what its replies mean."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from modelyard.edge import admin_socket
from modelyard.edge.admin_socket import AdminError, announce_shutdown, pid_of, session, update_certificate
from modelyard.edge.tls import TlsBundle

PATIENCE_S = 20
GONE = b"it closes the connection"


class FakeHaproxy:
    """Receives commands, and sends the replies of the test as in interactive mode."""

    def __init__(self, path: Path) -> None:
        self.replies: list[bytes] = []
        self.commands: list[bytes] = []
        self.connections = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(ConnectionError):
                assert _received(connection) == b"prompt\n"
                connection.sendall(b"\n> ")
                while command := _received(connection):
                    self.commands.append(command)
                    reply = self.replies.pop(0)
                    if reply == GONE:
                        break
                    for part in (b"+ " * (command.count(b"\n") - 1) + reply + b"\n> ").partition(b"|")[::2]:
                        connection.sendall(part)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)


def _received(connection: socket.socket) -> bytes:
    """The next command; empty if the connection has ended."""
    command = b""
    while not _is_complete(command):
        more = connection.recv(65536)
        if not more:
            return b""
        command += more
    return command


def _is_complete(command: bytes) -> bool:
    """A command ends with its line, or with an empty line if it has a payload."""
    return command.endswith(b"\n\n") if b"<<\n" in command else command.endswith(b"\n")


@pytest.fixture
def haproxy(admin: Path) -> Iterator[FakeHaproxy]:
    haproxy = FakeHaproxy(admin)
    yield haproxy
    haproxy.close()


def test_the_process_id_is_in_the_information(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [b"Name: HAProxy\nProcess_num: 1\nPi|d: 4711\nUptime: 0d\n", b"Name: HAProxy\n"]
    assert pid_of(admin) == 4711
    assert haproxy.commands == [b"show info\n"]
    with pytest.raises(AdminError, match="'show info' has no Pid"):
        pid_of(admin)


def test_a_shutdown_is_announced_in_the_map_of_states(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [b"\n", b"Unknown map identifier.\n"]
    announce_shutdown(admin)
    assert haproxy.commands == [b"add map state.map stopping 1\n"]
    with pytest.raises(AdminError, match=r"^Unknown map identifier\.$"):
        announce_shutdown(admin)


def test_a_map_is_replaced_in_parts_and_at_once(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [b"New version created: 7\n", b"\n", b"\n", b"\n"]
    lines = [f"m{number} 1000\n" for number in range(101)]
    with session(admin) as running:
        running.replace_map("timeouts.map", "".join(lines))
    prepare, first, second, commit = haproxy.commands
    assert (prepare, commit) == (b"prepare map timeouts.map\n", b"commit map @7 timeouts.map\n")
    assert first == ("add map @7 timeouts.map <<\n" + "".join(lines[:100]) + "\n").encode()
    assert second == b"add map @7 timeouts.map <<\nm100 1000\n\n"


def test_an_empty_map_replaces_one_with_lines(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [b"New version created: 1\n", b"\n"]
    with session(admin) as running:
        running.replace_map("timeouts.map", "")
    assert haproxy.commands == [b"prepare map timeouts.map\n", b"commit map @1 timeouts.map\n"]


def test_a_map_that_haproxy_does_not_know_is_an_error(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [b"Unknown map identifier.\n"]
    with session(admin) as running, pytest.raises(AdminError, match=r"^Unknown map identifier\.$"):
        running.replace_map("timeouts.map", "m 1\n")


def test_all_commands_of_a_session_reach_the_same_process(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [b"Pid: 1\n", b"New version created: 3\n", b"\n", b"\n", b"type=str, match=yes\n"]
    with session(admin) as running:
        assert running.pid() == 1
        running.replace_map("timeouts.map", "m 1\n")
        assert running.has_key("timeouts.map", "m")
    assert haproxy.connections == 1


def test_a_process_that_ends_during_a_command_is_an_error(haproxy: FakeHaproxy, admin: Path):
    haproxy.replies = [GONE]
    with pytest.raises(AdminError, match="does not respond: it closed the connection"):
        pid_of(admin)


@pytest.mark.parametrize("client_ca", [b"authorities\n", None])
def test_certificates_are_replaced_and_committed(haproxy: FakeHaproxy, admin: Path, client_ca: bytes | None):
    haproxy.replies = [b"Transaction created for certificate tls.pem!\n", b"Committing tls.pem.\nSuccess!\n"]
    haproxy.replies += [b"Transaction updated for CA client-ca.pem!\n", b"Success!\n"]
    update_certificate(admin, TlsBundle(b"certificate\n", client_ca))
    expected = [b"set ssl cert tls.pem <<\ncertificate\n\n", b"commit ssl cert tls.pem\n"]
    if client_ca:
        expected += [b"set ssl ca-file client-ca.pem <<\nauthorities\n\n", b"commit ssl ca-file client-ca.pem\n"]
    assert haproxy.commands == expected


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(b"unable to load certificate\n", "^unable to load certificate$"), (b"", "HAProxy sent no reply")],
)
def test_a_certificate_that_haproxy_rejects_is_not_committed(
    haproxy: FakeHaproxy, admin: Path, reply: bytes, reason: str
):
    haproxy.replies = [reply]
    with pytest.raises(AdminError, match=reason):
        update_certificate(admin, TlsBundle(b"certificate\n", None))
    assert len(haproxy.commands) == 1


def test_a_socket_that_does_not_exist_is_an_error(admin: Path):
    with pytest.raises(AdminError, match=r"admin\.sock does not respond: .*No such file"):
        pid_of(admin)


def test_a_haproxy_that_does_not_reply_is_an_error(admin: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admin_socket, "TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(admin))
        silent.listen()
        with pytest.raises(AdminError, match="does not respond: timed out"):
            pid_of(admin)
