"""A pool in simulated time: models of known size and load time, requests, one load at a time, and a memory budget."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from modelyard.residency.budget import MemoryBudget
from modelyard.residency.entry import Load
from modelyard.residency.thrashing import Thrashing


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Pool:
    """Answers one request after the other; a request for a cold model takes the time of its load."""

    budget_bytes: int
    models: dict[str, tuple[int, float]]
    """Bytes and load seconds, by name."""
    clock: Clock = field(default_factory=Clock)
    loads: int = 0
    rejected: int = 0
    loading_s: float = 0.0
    thrashed_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = MemoryBudget(self.budget_bytes, self.clock)
        self.thrashing = Thrashing(self.clock)
        self.entries = {
            name: self.budget.add(name, size_bytes=size, load_s=load_s) for name, (size, load_s) in self.models.items()
        }
        self.resident: set[str] = set()

    def run(self, names: Iterable[str], every_s: float) -> None:
        """A request for each of these, at this interval or when the one before is done."""
        for name in names:
            self.clock.now += every_s
            self.request(name)

    def request(self, name: str) -> None:
        if name not in self.resident:
            if self.thrashing.is_on():
                self.thrashed_at.append(self.clock.now)
                self.rejected += 1
                return
            self.load(name)
        self.entries[name].begin()
        self.entries[name].end()

    def load(self, name: str) -> None:
        size, load_s = self.models[name]
        decision = self.budget.request(name)
        assert isinstance(decision, Load)
        self.resident -= {*decision.evict}
        self.thrashing.evicted(*decision.evict)
        self.thrashing.load_begins(name)
        self.clock.now += load_s
        self.thrashing.load_ends(name)
        self.loads += 1
        self.loading_s += load_s
        self.budget.loaded(name, size, load_s)
        self.resident.add(name)
        assert self.budget.used_bytes <= self.budget_bytes
