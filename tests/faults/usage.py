"""The resources that a process uses, as the kernel reports them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from tests.serve.project import Server

PARTS = {
    "child": "modelyard.cli.server_process",
    "controller": "ray::ServeController",
    "hub": "ray::Hub",
    "gateway": "ray::ServeReplica:gateway",
    "HAProxy manager": "ray::HAProxyManager",
}
"""Processes that live as long as the server, by their command lines."""

OF_A_CHANGE_MB = {"controller": 0.5}
"""Ray Serve's controller leaks about 0.3 MB per deploy."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources of one process at one time."""

    resident_mb: float
    descriptors: int
    threads: int


def usage(pid: int) -> Usage:
    """Raises OSError if the process has ended."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Usage(
        int(status["VmRSS"].split()[0]) / 1024, len([*Path(f"/proc/{pid}/fd").iterdir()]), int(status["Threads"])
    )


def usages(server: Server, *models: str) -> dict[str, Usage]:
    """Usage of the supervisor, the processes above, and the first replica of each of these models."""
    pids = {name: server.pids(part)[0] for name, part in PARTS.items()}
    replicas = {f"replica of {model}": server.replicas(model)[0] for model in models}
    return {name: usage(pid) for name, pid in {"supervisor": server.process.pid, **pids, **replicas}.items()}


def lowest(usages_: Sequence[dict[str, Usage]]) -> dict[str, Usage]:
    """The minimum of each value: connections come and go at a reload of HAProxy, but a leak is in every sample."""
    return {
        name: Usage(*(min(getattr(each[name], field.name) for each in usages_) for field in fields(Usage)))
        for name in usages_[0]
    }


def grown(
    before: dict[str, Usage], after: dict[str, Usage], *, changes: int, megabytes: float, others: int
) -> list[str]:
    """Each process that uses more memory, descriptors or threads than the tolerances allow after so many changes."""
    return [
        f"{name}: {was} -> {now}"
        for name, was in before.items()
        for now in (after[name],)
        if now.resident_mb > was.resident_mb + megabytes + changes * OF_A_CHANGE_MB.get(name, 0.0)
        or max(now.descriptors - was.descriptors, now.threads - was.threads) > others
    ]
