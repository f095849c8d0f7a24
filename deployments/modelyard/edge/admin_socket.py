"""HAProxy's admin socket: what may change without a new HAProxy (its management guide, 9.3)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.edge.model_maps import LEAVING, STATE_FILE
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE, TlsBundle

TIMEOUT_S = 5.0
LINES_A_COMMAND = 100
"""A command with its lines must fit into one of HAProxy's buffers of 16 KiB."""


class AdminError(Exception):
    """Its one argument is what HAProxy said."""


@contextmanager
def connected(admin: Path) -> Iterator[socket.socket]:
    """A connection to the HAProxy with this admin socket. Raises AdminError, also for what fails on it within the block."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(admin))
            yield connection
    except OSError as error:
        raise AdminError(f"{admin} does not answer: {error}") from error


def leave(admin: Path) -> None:
    """Answer questions for readiness with 503 from now on, and all others as before. Raises AdminError."""
    _silent(admin, f"add map {STATE_FILE} {LEAVING} 1\n")


def pid_of(admin: Path) -> int:
    """The process id of the HAProxy that answers there. Raises AdminError."""
    for line in _ask(admin, b"show info\n").splitlines():
        name, _, value = line.partition(": ")
        if name == "Pid":
            return int(value)
    raise AdminError(f"{admin} does not say whose it is")


def renew(admin: Path, identity: TlsBundle) -> None:
    """Make the running HAProxy use this identity for connections from now on. Raises AdminError."""
    _replace(admin, "cert", BUNDLE_FILE, identity.bundle)
    if identity.client_ca is not None:
        _replace(admin, "ca-file", CLIENT_CA_FILE, identity.client_ca)


def replace_map(admin: Path, name: str, content: str) -> None:
    """Make the running HAProxy use this content of a map file, all of it at once. Raises AdminError."""
    said = _ask(admin, f"prepare map {name}\n".encode())
    version = said.strip().removeprefix("New version created: ")
    if not version.isdecimal():
        raise AdminError(said.strip())
    lines = content.splitlines(keepends=True)
    for start in range(0, len(lines), LINES_A_COMMAND):
        part = "".join(lines[start : start + LINES_A_COMMAND])
        _silent(admin, f"add map @{version} {name} <<\n{part}\n")
    _silent(admin, f"commit map @{version} {name}\n")


def _silent(admin: Path, command: str) -> None:
    """A command to which HAProxy says something only if it fails. Raises AdminError."""
    if said := _ask(admin, command.encode()).strip():
        raise AdminError(said)


def _replace(admin: Path, kind: str, name: str, content: bytes) -> None:
    target = f"ssl {kind} {name}".encode()
    for command in (b"set %b <<\n%b\n" % (target, content), b"commit %b\n" % target):
        said = _ask(admin, command)
        if "Success" not in said and "created" not in said and "updated" not in said:
            raise AdminError(said.strip() or "HAProxy said nothing")


def _ask(admin: Path, command: bytes) -> str:
    """One command a connection, as HAProxy has it where none is interactive."""
    said = b""
    with connected(admin) as connection:
        connection.sendall(command)
        while more := connection.recv(65536):
            said += more
    return said.decode(errors="replace")
