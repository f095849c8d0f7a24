"""Reads the processes of this machine from /proc: their parents, commands, CPU time and memory."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

PROC = Path("/proc")
TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")

Group = Literal["replica", "proxy", "other"]


@dataclass(frozen=True, slots=True)
class Process:
    """A process at one moment."""

    pid: int
    parent: int
    state: str
    """The letter in proc(5). Z is a process that has ended and was not reaped."""
    started: int
    """Clock ticks after boot. Distinguishes processes with the same pid."""
    cpu_us: float
    """User and system time since it started, all threads."""
    argv: tuple[str, ...]

    @property
    def title(self) -> str:
        return title(self.argv)


def snapshot() -> dict[int, Process]:
    """All readable processes by pid."""
    processes = (read(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return {process.pid: process for process in processes if process is not None}


def read(pid: int) -> Process | None:
    """One process; None if it does not exist."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
        cmdline = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    return parse(stat, cmdline)


def parse(stat: str, cmdline: bytes) -> Process:
    """A process from its `stat` and `cmdline` files (proc(5)). The name in `stat` may hold spaces and parentheses."""
    pid, _, rest = stat.partition(" ")
    fields = rest.rpartition(")")[2].split()  # from the third field on: state, ppid, ...
    return Process(
        pid=int(pid),
        parent=int(fields[1]),
        state=fields[0],
        started=int(fields[19]),
        cpu_us=(int(fields[11]) + int(fields[12])) * TICK_US,
        argv=tuple(part.decode(errors="replace") for part in cmdline.split(b"\0") if part),
    )


def descendants(processes: Mapping[int, Process], root: int) -> list[Process]:
    """All descendants of the root, without the root."""
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)

    def below(pid: int) -> Iterator[Process]:
        for child in children.get(pid, []):
            yield child
            yield from below(child.pid)

    return list(below(root))


def cpu_spent(before: Iterable[Process], after: Iterable[Process], *, model_pid: int) -> dict[Group, float]:
    """CPU microseconds between two snapshots by group. Processes that ended in between are not counted."""
    spent = {(process.pid, process.started): process.cpu_us for process in before}
    total: dict[Group, float] = {"replica": 0, "proxy": 0, "other": 0}
    for process in after:
        group = "replica" if process.pid == model_pid else group_of(process.argv)
        total[group] += process.cpu_us - spent.get((process.pid, process.started), 0)
    return total


def group_of(argv: tuple[str, ...]) -> Group:
    """The role of a process: it runs the model, is a proxy (HAProxy or Serve's proxy), or neither."""
    name = title(argv)
    if name.startswith("ray::ServeReplica"):
        return "replica"
    return "proxy" if name == "haproxy" or name.startswith("ray::ProxyActor") else "other"


def title(argv: tuple[str, ...]) -> str:
    """A short name: Ray's process title, the script or module of a Python program, or the program's name."""
    if not argv:
        return "(kernel)"
    if argv[0].startswith("ray::"):
        return argv[0].split()[0]
    program = PurePath(argv[0].split()[0]).name
    if re.match(r"python[\d.]*$", program):
        words = iter(argv[1:])
        for word in words:
            if word == "-m":
                return f"python -m {next(words, '')}".strip()
            if word == "-c":
                return "python -c"
            if not word.startswith("-"):
                return PurePath(word).name
    return program


def pss_bytes(pid: int) -> int | None:
    """Proportional set size: memory with each shared page divided by its number of users. None if the process does not exist."""
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return None
    match = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    return int(match[1]) * 1024 if match else None
