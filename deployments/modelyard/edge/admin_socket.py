"""Client of HAProxy's admin socket: runtime changes that need no new HAProxy process (HAProxy management guide, 9.3)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.edge.model_maps import STATE_FILE, STOPPING
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE, TlsBundle

TIMEOUT_S = 5.0
PROMPT = b"\n> "
"""Ends each reply in interactive mode."""
BYTES = "surrogateescape"
"""A certificate file may have a comment that is not UTF-8."""
LINES_A_COMMAND = 100
"""A command with its lines must fit into one of HAProxy's buffers of 16 KiB."""


class AdminError(Exception):
    """A command failed. The one argument is HAProxy's message, or why the socket cannot be used."""


@contextmanager
def connected(admin: Path) -> Iterator[socket.socket]:
    """A connection to this admin socket. Raises AdminError, also for an OSError within the block."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(admin))
            yield connection
    except OSError as error:
        raise AdminError(f"{admin} does not respond: {error}") from error


class AdminSession:
    """Commands to one HAProxy process: while it is replaced, the next connection to the same path may reach another process."""

    def __init__(self, connection: socket.socket) -> None:
        """Keep the connection open after a command, which `prompt` does. Raises OSError."""
        self._connection = connection
        self._run("prompt")

    def pid(self) -> int:
        """The process id of this HAProxy. Raises AdminError and OSError."""
        for line in self._run("show info").splitlines():
            name, _, value = line.partition(": ")
            if name == "Pid":
                return int(value)
        raise AdminError("'show info' has no Pid")

    def replace_map(self, name: str, content: str) -> None:
        """Use this content of a map file, all of it at once. Raises AdminError and OSError."""
        reply = self._run(f"prepare map {name}")
        version = reply.removeprefix("New version created: ")
        if not version.isdecimal():
            raise AdminError(reply)
        lines = content.splitlines(keepends=True)
        for start in range(0, len(lines), LINES_A_COMMAND):
            self.run_silent(f"add map @{version} {name} <<\n{''.join(lines[start : start + LINES_A_COMMAND])}")
        self.run_silent(f"commit map @{version} {name}")

    def has_key(self, name: str, key: str) -> bool:
        """Whether a map has this key. Raises AdminError and OSError."""
        reply = self._run(f"get map {name} {key}")
        if not reply.startswith("type="):
            raise AdminError(reply)
        return "match=yes" in reply or "found=yes" in reply

    def replace_file(self, kind: str, name: str, content: bytes) -> None:
        """Use this content of a certificate file for new connections. Raises AdminError and OSError."""
        for command in (f"set ssl {kind} {name} <<\n{content.decode(errors=BYTES)}", f"commit ssl {kind} {name}"):
            reply = self._run(command)
            if "Success" not in reply and "created" not in reply and "updated" not in reply:
                raise AdminError(reply or "HAProxy sent no reply")

    def run_silent(self, command: str) -> None:
        """Run a command to which HAProxy replies only if it fails. Raises AdminError and OSError."""
        if reply := self._run(command):
            raise AdminError(reply)

    def _run(self, command: str) -> str:
        """The reply to one command. One with a payload, which ends with an empty line, gets a prompt `+ ` for each of its lines."""
        self._connection.sendall(f"{command}\n".encode(errors=BYTES))
        reply = b""
        while not reply.endswith(PROMPT):
            more = self._connection.recv(65536)
            if not more:
                raise ConnectionError("it closed the connection")
            reply += more
        return reply.removesuffix(PROMPT).decode(errors="replace").lstrip("+ ").strip()


@contextmanager
def session(admin: Path) -> Iterator[AdminSession]:
    """A session at this admin socket. Raises AdminError, also for an OSError within the block."""
    with connected(admin) as connection:
        yield AdminSession(connection)


def announce_shutdown(admin: Path) -> None:
    """Answer readiness checks with 503 from now on; all other requests are served as before. Raises AdminError."""
    with session(admin) as haproxy:
        haproxy.run_silent(f"add map {STATE_FILE} {STOPPING} 1")


def pid_of(admin: Path) -> int:
    """The process id of the HAProxy that owns the socket. Raises AdminError."""
    with session(admin) as haproxy:
        return haproxy.pid()


def update_certificate(admin: Path, tls: TlsBundle) -> None:
    """Make the running HAProxy use these certificates for new connections. Raises AdminError."""
    with session(admin) as haproxy:
        haproxy.replace_file("cert", BUNDLE_FILE, tls.bundle)
        if tls.client_ca is not None:
            haproxy.replace_file("ca-file", CLIENT_CA_FILE, tls.client_ca)
