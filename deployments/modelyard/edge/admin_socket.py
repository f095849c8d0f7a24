"""HAProxy's admin socket: what may change without a new HAProxy (its management guide, 9.3)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.edge.model_maps import STATE_FILE, STOPPING
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE, TlsBundle

TIMEOUT_S = 5.0


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


def announce_shutdown(admin: Path) -> None:
    """Answer questions for readiness with 503 from now on, and all others as before. Raises AdminError."""
    if said := _run_command(admin, f"add map {STATE_FILE} {STOPPING} 1\n".encode()).strip():
        raise AdminError(said)


def pid_of(admin: Path) -> int:
    """The process id of the HAProxy that answers there. Raises AdminError."""
    for line in _run_command(admin, b"show info\n").splitlines():
        name, _, value = line.partition(": ")
        if name == "Pid":
            return int(value)
    raise AdminError(f"{admin} does not say whose it is")


def update_certificate(admin: Path, identity: TlsBundle) -> None:
    """Make the running HAProxy use this identity for connections from now on. Raises AdminError."""
    _replace(admin, "cert", BUNDLE_FILE, identity.bundle)
    if identity.client_ca is not None:
        _replace(admin, "ca-file", CLIENT_CA_FILE, identity.client_ca)


def _replace(admin: Path, kind: str, name: str, content: bytes) -> None:
    target = f"ssl {kind} {name}".encode()
    for command in (b"set %b <<\n%b\n" % (target, content), b"commit %b\n" % target):
        said = _run_command(admin, command)
        if "Success" not in said and "created" not in said and "updated" not in said:
            raise AdminError(said.strip() or "HAProxy said nothing")


def _run_command(admin: Path, command: bytes) -> str:
    """One command a connection, as HAProxy has it where none is interactive."""
    said = b""
    with connected(admin) as connection:
        connection.sendall(command)
        while more := connection.recv(65536):
            said += more
    return said.decode(errors="replace")
