"""Which process listens on a port, from /proc (proc(5)). Linux only."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from modelyard.control.process_tree import command_of

LISTENS = "0A"
"""TCP_LISTEN of <net/tcp_states.h>."""


def owner(port: int) -> str:
    """A phrase for the process that listens on this port of any address; "" if there is none, or it is another user's."""
    pid = _process_with(_sockets(port))
    return described(pid) if pid is not None else ""


def described(pid: int) -> str:
    """A phrase for a process: the folder of the `modelyard up` above it, else its own name."""
    for each in (pid, *_above(pid)):
        words = command_of(each)
        if "up" in words and any(Path(word).name == "modelyard" for word in words):
            return f"the server in {_folder(each)} (process {each})"
    name = _read(pid, "comm").strip()
    return f"{name} (process {pid})" if name else ""


def listening() -> set[int]:
    """The ports on which any process listens, on any address."""
    return {port for port, _ in _listeners()}


def _sockets(port: int) -> set[str]:
    """The sockets that listen there, as `/proc/PID/fd` names them."""
    return {f"socket:[{inode}]" for each, inode in _listeners() if each == port}


def _listeners() -> Iterator[tuple[int, str]]:
    """Port and inode of each socket that listens."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
            if state == LISTENS:
                yield int(local.rpartition(":")[2], 16), inode


def _process_with(sockets: set[str]) -> int | None:
    for entry in Path("/proc").iterdir() if sockets else ():
        if entry.name.isdigit():
            try:
                if any(os.readlink(file) in sockets for file in (entry / "fd").iterdir()):  # noqa: PTH115 - no path
                    return int(entry.name)
            except OSError:  # it has ended, or belongs to another user
                continue
    return None


def _above(pid: int) -> list[int]:
    """Parents, from the nearest on."""
    found: list[int] = []
    while pid > 1 and (stat := _read(pid, "stat")):
        pid = int(stat.rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def _folder(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return "another folder"


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def claim(host: str, port: int) -> tuple[socket.socket | None, str]:
    """Reserve an address, so that two servers that start at the same time notice each other before either listens.

    The reservation is a socket in the kernel's abstract namespace (unix(7)), which belongs to a network namespace, as ports do. It
    lasts until it is closed. Returns None and a phrase for the owner if the address is reserved already.
    """
    mine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    name = f"\0modelyard/{host}/{port}"
    try:
        mine.bind(name)
        mine.listen(1)
    except OSError:
        mine.close()
        return None, _claimant(name)
    return mine, ""


def _claimant(name: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        try:
            asking.connect(name)
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return ""
    return described(int.from_bytes(credentials[:4], "little"))
