"""Models that will find no room on the machine, told before they wait for it: at the value that asks for too much. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelSpec
from modelyard.config.tree import Location, Mapping, locate

MAX_REPLICAS = 1000
"""Of one model on one machine: Ray Serve has as many ports for them."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the replicas of an embedded server may have."""

    cores: float
    memory_bytes: int
    """Bytes."""
    is_declared: bool
    """The cores are `ray.cpus` of server.yaml. Else they are those of this machine, which need not be the server's."""


def insufficient_resources(spec: ModelSpec, root: Mapping, machine: Machine) -> Iterator[Diagnostic]:
    """The first thing for which there is no room; a warning where only this machine says so. `root` has the defaults in it."""
    replicas, cpus, memory = max(1, spec.replicas.min), spec.resources.cpus, spec.resources.memory or 0
    where = f"ray.cpus is {machine.cores:g}" if machine.is_declared else f"this machine has {machine.cores:g} cores"
    severity: Literal["error", "warning"] = "error" if machine.is_declared else "warning"
    if spec.replicas.max > MAX_REPLICAS:
        loc = ("replicas", "max")
        yield _at(root, loc, f"one machine runs at most {MAX_REPLICAS} replicas of a model")
    elif cpus > machine.cores:
        yield replace(
            _at(root, ("resources", "cpus"), f"a replica needs {cpus:g} cores, and {where}"), severity=severity
        )
    elif replicas * cpus > machine.cores:
        needed = f"{replicas} replicas of {cpus:g} cores need {replicas * cpus:g}, and {where}"
        yield replace(_at(root, ("replicas", "min"), needed), severity=severity)
    elif replicas * memory > machine.memory_bytes:
        needed = f"{replicas} x {memory / 2**30:.3g} GiB are more than the {machine.memory_bytes / 2**30:.3g} GiB of this machine"
        yield replace(_at(root, ("resources", "memory"), needed), severity="warning")


def _at(root: Mapping, loc: Location, message: str) -> Diagnostic:
    return locate(root, loc)[1].diagnostic(message)
