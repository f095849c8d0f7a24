"""Finds models that need more CPU, memory or replicas than the machine has, before they are deployed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelSpec
from modelyard.config.tree import Location, Mapping, locate

MAX_REPLICAS = 1000
"""Of one model on one machine: Ray Serve has this many ports for replicas."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources for the replicas of an embedded server."""

    cores: float
    memory_bytes: int
    is_declared: bool
    """Whether `cores` is `ray.cpus` of server.yaml. Otherwise it is this machine's, and the server may run on another one."""


def insufficient_resources(spec: ModelSpec, root: Mapping, machine: Machine) -> Iterator[Diagnostic]:
    """At most one diagnostic, at the value that is too large: an error if the limit is declared, a warning if it is this machine's.

    `root` is the model's file with the defaults merged.
    """
    replicas, cpus, memory = max(1, spec.replicas.min), spec.resources.cpus, spec.resources.memory or 0
    where = f"ray.cpus is {machine.cores:g}" if machine.is_declared else f"this machine has {machine.cores:g} cores"
    severity: Literal["error", "warning"] = "error" if machine.is_declared else "warning"
    if spec.replicas.max > MAX_REPLICAS:
        loc = ("replicas", "max")
        yield _at(root, loc, f"one machine runs at most {MAX_REPLICAS} replicas of a model")
    elif cpus > machine.cores:
        yield replace(
            _at(root, ("resources", "cpus"), f"a replica needs {cpus:g} cores, but {where}"), severity=severity
        )
    elif replicas * cpus > machine.cores:
        needed = f"{replicas} replicas of {cpus:g} cores need {replicas * cpus:g}, but {where}"
        yield replace(_at(root, ("replicas", "min"), needed), severity=severity)
    elif replicas * memory > machine.memory_bytes:
        needed = (
            f"{replicas} replicas of {memory / 2**30:.3g} GiB need {replicas * memory / 2**30:.3g} GiB, "
            f"but this machine has {machine.memory_bytes / 2**30:.3g} GiB"
        )
        yield replace(_at(root, ("resources", "memory"), needed), severity="warning")


def _at(root: Mapping, loc: Location, message: str) -> Diagnostic:
    return locate(root, loc)[1].diagnostic(message)
