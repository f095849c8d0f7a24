"""Whatever happens to the models of a budget, in whatever order."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.residency.budget import MemoryBudget
from modelyard.residency.entry import CannotFit, Correction, Load, Residency, Wait
from tests.unit.residency.pool import Clock

BUDGET = 100
NAMES = "abcdefgh"
SIZES = st.lists(st.integers(1, 120), min_size=len(NAMES), max_size=len(NAMES))
STEPS = st.lists(st.tuples(st.sampled_from(("want", "end", "finish")), st.sampled_from(NAMES)), max_size=80)


class Replica:
    """Follows the decisions as a replica does, and checks them."""

    def __init__(self, estimates: Sequence[int], sizes: Sequence[int], pinned: set[str]) -> None:
        self.budget = MemoryBudget(BUDGET, Clock())
        self.sizes = dict(zip(NAMES, sizes, strict=True))
        self.pinned = pinned
        for name, size in zip(NAMES, estimates, strict=True):
            self.budget.add(name, size_bytes=size, load_s=1.0, pinned=name in pinned)
        self.wanted: set[str] = set()
        self.rejected: set[str] = set()

    def want(self, name: str) -> None:
        entry = self.budget.entries[name]
        if entry.state is Residency.RESIDENT:
            entry.begin()
        else:
            self.wanted.add(name)
            if entry.state is not Residency.LOADING:
                self.obey(name, self.budget.request(name))

    def end(self, name: str) -> None:
        if self.budget.entries[name].in_flight and self.budget.entries[name].end():
            self.budget.freed(name)
            self.retry()

    def finish(self, name: str) -> None:
        """The model's load is complete."""
        entry = self.budget.entries[name]
        if entry.state is not Residency.LOADING:
            return
        decision = self.budget.loaded(name, self.sizes[name], 1.0)
        self.obey(name, decision)
        if isinstance(decision, Correction):
            self.wanted.discard(name)
            entry.begin()
        self.retry()

    def retry(self) -> None:
        for name in self.budget.waiting:
            self.obey(name, self.budget.request(name))

    def obey(self, name: str, decision: Any) -> None:
        match decision:
            case CannotFit():
                self.rejected.add(name)
                self.wanted.discard(name)
            case Load(evict) | Correction(evict):
                assert not self.pinned & {*evict}
                assert not any(self.budget.entries[each].in_flight for each in evict)
        if isinstance(decision, Wait | Correction):
            assert not self.pinned & {*decision.drain}
            assert all(self.budget.entries[each].in_flight for each in decision.drain)


@given(SIZES, STEPS, st.sets(st.sampled_from(NAMES), max_size=2))
@settings(deadline=None)
def test_resident_bytes_stay_within_the_budget_if_the_estimates_are_right(
    sizes: list[int], steps: list[tuple[str, str]], pinned: set[str]
) -> None:
    replica = Replica(sizes, sizes, pinned)
    for step, name in steps:
        getattr(replica, step)(name)
        entries = replica.budget.entries.values()
        used = sum(each.size_bytes for each in entries if each.state is not Residency.COLD)
        assert used == replica.budget.used_bytes <= BUDGET


@given(SIZES, SIZES, STEPS, st.sets(st.sampled_from(NAMES), max_size=2))
@settings(deadline=None)
def test_every_wanted_model_is_resident_at_last_or_has_a_reason(
    estimates: list[int], sizes: list[int], steps: list[tuple[str, str]], pinned: set[str]
) -> None:
    replica = Replica(estimates, sizes, pinned)
    wanted = set()
    for step, name in steps:
        getattr(replica, step)(name)
        wanted |= {name} if step == "want" else set()
    for _ in range(40):  # all requests and loads end, one after the other
        for name in NAMES:
            replica.finish(name)
            for _ in range(replica.budget.entries[name].in_flight):
                replica.end(name)
    assert not replica.wanted
    assert not replica.budget.waiting
    assert replica.budget.used_bytes <= BUDGET
