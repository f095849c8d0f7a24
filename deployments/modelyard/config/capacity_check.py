"""Finds models and pools that need more CPU, memory or replicas than the machine has, before they are deployed. Pure."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.config.tree import Location, Mapping, locate

MAX_REPLICAS = 1000
"""Of one model or pool on one machine: Ray Serve has this many ports for replicas."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources for the replicas of an embedded server."""

    cores: float
    memory_bytes: int
    is_declared: bool
    """Whether `cores` is `ray.cpus` of server.yaml. Otherwise it is this machine's, and the server may run on another one."""

    @classmethod
    def of(cls, server: ServerSpec) -> Self | None:
        """This machine; None for a cluster, whose resources are unknown."""
        if server.ray.address != "local":
            return None
        declared = server.ray.cpus
        cores = float(len(os.sched_getaffinity(0))) if declared is None else declared
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(cores, memory, is_declared=declared is not None)


def insufficient_resources(spec: ModelSpec | PoolSpec, root: Mapping, machine: Machine) -> Iterator[Diagnostic]:
    """At most one diagnostic, at the value that is too large: an error if the limit is declared, a warning if it is this machine's.

    `root` is the file with the defaults merged. A model of a pool reserves nothing itself.
    """
    if isinstance(spec, ModelSpec) and spec.pool is not None:
        return
    kind, memory, memory_at = _memory(spec)
    replicas, cpus = max(1, spec.replicas.min), spec.resources.cpus
    where = f"ray.cpus is {machine.cores:g}" if machine.is_declared else f"this machine has {machine.cores:g} cores"
    severity: Literal["error", "warning"] = "error" if machine.is_declared else "warning"
    if spec.replicas.max > MAX_REPLICAS:
        loc = ("replicas", "max")
        yield _at(root, loc, f"one machine runs at most {MAX_REPLICAS} replicas of a {kind}")
    elif cpus > machine.cores:
        yield replace(
            _at(root, ("resources", "cpus"), f"a replica needs {cpus:g} cores, but {where}"), severity=severity
        )
    elif replicas * cpus > machine.cores:
        needed = f"{replicas} replicas of {cpus:g} cores need {replicas * cpus:g}, but {where}"
        yield replace(_at(root, ("replicas", "min"), needed), severity=severity)
    elif replicas * memory > machine.memory_bytes:
        each, total = f"{memory / 2**30:.3g} GiB", f"{replicas * memory / 2**30:.3g} GiB"
        needs = f"a replica needs {each}" if replicas == 1 else f"{replicas} replicas of {each} need {total}"
        needed = f"{needs}, but this machine has {machine.memory_bytes / 2**30:.3g} GiB"
        yield replace(_at(root, memory_at, needed), severity="warning")


def _memory(spec: ModelSpec | PoolSpec) -> tuple[str, int, Location]:
    """What the spec describes, the memory of one replica in bytes, and the place of that key."""
    if isinstance(spec, PoolSpec):
        return "pool", spec.memory, ("memory",)
    return "model", spec.resources.memory or 0, ("resources", "memory")


def _at(root: Mapping, loc: Location, message: str) -> Diagnostic:
    return locate(root, loc)[1].diagnostic(message)
