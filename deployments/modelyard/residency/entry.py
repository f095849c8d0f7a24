"""One model of a memory budget, and the decisions about a request for it."""

from dataclasses import dataclass, field
from enum import Enum, auto


class Residency(Enum):
    """Where a model is."""

    COLD = auto()
    LOADING = auto()
    """Its bytes are reserved."""
    RESIDENT = auto()
    DRAINING = auto()
    """It completes its requests in flight and accepts no others; its bytes are free when there are none."""


@dataclass(slots=True, eq=False)
class Entry:
    """A model. A replica holds this object for each model, so that a request costs two method calls and no look-up."""

    name: str
    size_bytes: int
    """Measured by the last load, or estimated before the first one."""
    load_s: float
    """Of the last load, or estimated."""
    pinned: bool = False
    state: Residency = Residency.COLD
    in_flight: int = 0
    requests: int = 0
    """Since it was added."""
    used_since_scan: bool = field(default=False, repr=False)
    """Whether a request has begun since the budget last compared models."""
    counted: int = field(default=0, repr=False)
    """Of `requests`, those that are in `frequency`."""
    frequency: float = field(default=0.0, repr=False)
    """Requests, weighted by age; see `MemoryBudget`."""
    base: float = field(default=0.0, repr=False)
    """The budget's inflation at the last request."""

    def begin(self) -> None:
        """A request begins. The model is resident."""
        self.in_flight += 1
        self.requests += 1
        self.used_since_scan = True

    def end(self) -> bool:
        """A request is complete. Returns whether the model may be released now: then release it and call `MemoryBudget.freed`."""
        self.in_flight -= 1
        return self.in_flight == 0 and self.state is Residency.DRAINING


@dataclass(frozen=True, slots=True)
class Load:
    """Release these models, then load. Their bytes count as free, and the model's bytes are reserved."""

    evict: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """The model fits when others are done. See `MemoryBudget.waiting`.

    Models in `drain` accept no further requests, and are released at their last response.
    """

    drain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CannotFit:
    """The model never fits beside what is pinned. It is not loaded, or has to be released."""

    reason: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A load was larger than estimated: release `evict` at once, and `drain` at their last responses."""

    evict: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()


Decision = Load | Wait | CannotFit
