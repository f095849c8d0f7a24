"""Client of HAProxy's admin socket: runtime changes that need no new HAProxy process (HAProxy management guide, 9.3)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.edge.model_maps import STATE_FILE, STOPPING
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE, TlsBundle

TIMEOUT_S = 5.0
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


def announce_shutdown(admin: Path) -> None:
    """Answer readiness checks with 503 from now on; all other requests are served as before. Raises AdminError."""
    _run_silent_command(admin, f"add map {STATE_FILE} {STOPPING} 1\n")


def pid_of(admin: Path) -> int:
    """The process id of the HAProxy that owns the socket. Raises AdminError."""
    for line in _run_command(admin, b"show info\n").splitlines():
        name, _, value = line.partition(": ")
        if name == "Pid":
            return int(value)
    raise AdminError(f"{admin}: 'show info' has no Pid")


def update_certificate(admin: Path, tls: TlsBundle) -> None:
    """Make the running HAProxy use these certificates for new connections. Raises AdminError."""
    _replace(admin, "cert", BUNDLE_FILE, tls.bundle)
    if tls.client_ca is not None:
        _replace(admin, "ca-file", CLIENT_CA_FILE, tls.client_ca)


def replace_map(admin: Path, name: str, content: str) -> None:
    """Make the running HAProxy use this content of a map file, all of it at once. Raises AdminError."""
    reply = _run_command(admin, f"prepare map {name}\n".encode())
    version = reply.strip().removeprefix("New version created: ")
    if not version.isdecimal():
        raise AdminError(reply.strip())
    lines = content.splitlines(keepends=True)
    for start in range(0, len(lines), LINES_A_COMMAND):
        part = "".join(lines[start : start + LINES_A_COMMAND])
        _run_silent_command(admin, f"add map @{version} {name} <<\n{part}\n")
    _run_silent_command(admin, f"commit map @{version} {name}\n")


def has_key(admin: Path, name: str, key: str) -> bool:
    """Whether a map of the running HAProxy has this key. Raises AdminError."""
    reply = _run_command(admin, f"get map {name} {key}\n".encode())
    if not reply.startswith("type="):
        raise AdminError(reply.strip())
    return "match=yes" in reply or "found=yes" in reply


def _run_silent_command(admin: Path, command: str) -> None:
    """Run a command to which HAProxy replies only if it fails. Raises AdminError."""
    if reply := _run_command(admin, command.encode()).strip():
        raise AdminError(reply)


def _replace(admin: Path, kind: str, name: str, content: bytes) -> None:
    target = f"ssl {kind} {name}".encode()
    for command in (b"set %b <<\n%b\n" % (target, content), b"commit %b\n" % target):
        reply = _run_command(admin, command)
        if "Success" not in reply and "created" not in reply and "updated" not in reply:
            raise AdminError(reply.strip() or "HAProxy sent no reply")


def _run_command(admin: Path, command: bytes) -> str:
    """Run one command on a new connection: HAProxy closes a connection that is not interactive after one command."""
    reply = b""
    with connected(admin) as connection:
        connection.sendall(command)
        while more := connection.recv(65536):
            reply += more
    return reply.decode(errors="replace")
