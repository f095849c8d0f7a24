"""Decides which models of a pool are in memory.

The policy is GreedyDual-Size-Frequency: the model with the lowest priority is evicted, where

    priority = base + frequency * load seconds / bytes

`base` is the inflation at the model's last request, and the inflation is the priority of the last evicted model. So a model loses
its rank as others are evicted, unless requests renew it. Sources: Cao and Irani, "Cost-Aware WWW Proxy Caching Algorithms",
USITS 1997 (GreedyDual-Size, frequency = 1); Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching
Policy", HP Laboratories, 1998.

One change: the frequency decays with a half-life. A model may get thousands of requests a second, and with plain counts a model
that was busy yesterday would stay in memory for as many evictions.

Simulated, 12,000 requests by Zipf's law over 1,000 models of four sizes and three load times, with room for a fifth of the bytes:

    least recently used              1,292 s of loading
    GreedyDual-Size                    585 s, 3,156 loads
    with frequency, half-life 600 s    610 s, 2,677 loads
    with frequency, half-life 60 s     722 s, 2,813 loads

Frequency costs 4 % more time of loading, and 15 % fewer requests wait for a load.

A request writes three attributes of its entry. Priorities are computed when models are compared, which happens only before a load:
less than a millisecond for 1,000 models, where a load takes at least ten.
"""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic

from modelyard.residency.entry import CannotFit, Correction, Decision, Entry, Load, Residency, Wait
from modelyard.text.sizes import size_text

HALF_LIFE_S = 600.0
"""Of the weight of a request in a model's frequency."""
MIN_LOAD_S = 1e-3
"""A load that seemed to take no time still has a cost."""


class MemoryBudget:
    """The models of one process. Not thread-safe: every method is called on one thread, the event loop's.

    Bytes of models that load, are resident or drain are used. Draining models count for the requests that wait, so that one load
    does not cause evictions twice. Models that wait get memory in the order of their first request: bytes that are freed for a
    large model do not go to a small one that came later. Request the models in `waiting` again, in this order, after each call that
    may free memory or make a model evictable: `loaded`, `freed`, `remove`, `cancel`, `pin`.
    """

    def __init__(self, budget_bytes: int, clock: Callable[[], float] = monotonic) -> None:
        self.budget_bytes = budget_bytes
        self.used_bytes = 0
        self.entries: dict[str, Entry] = {}
        self._pinned_bytes = 0
        self._waiting: dict[str, None] = {}
        self._inflation = 0.0
        self._clock = clock
        self._scanned = clock()

    def add(self, name: str, *, size_bytes: int, load_s: float, pinned: bool = False) -> Entry:
        """Add a cold model with an estimated or known size. Raises ValueError if it is there."""
        if name in self.entries:
            raise ValueError(f"model {name!r} is in the budget already")
        entry = self.entries[name] = Entry(name, size_bytes, load_s, pinned)
        self._pinned_bytes += size_bytes if pinned else 0
        return entry

    @property
    def waiting(self) -> tuple[str, ...]:
        """Models to which the last decision was Wait, by the time of their first request."""
        return tuple(self._waiting)

    def remove(self, name: str) -> None:
        """Forget a model that is cold or has been released."""
        self._set_state(self.entries[name], Residency.COLD)
        self.pin(name, False)
        self._waiting.pop(name, None)
        del self.entries[name]

    def pin(self, name: str, pinned: bool) -> None:
        """Protect a model from eviction, or stop protecting it."""
        entry = self.entries[name]
        if entry.pinned != pinned:
            entry.pinned = pinned
            self._pinned_bytes += entry.size_bytes if pinned else -entry.size_bytes

    def resize(self, name: str, size_bytes: int) -> None:
        """Another size for a cold model: of another version, or estimated better."""
        self._set_size(self.entries[name], size_bytes)

    def request(self, name: str) -> Decision:
        """What to do for a request for a model that is not resident and not loading. Call it once for all that wait for it."""
        entry = self.entries[name]
        if reason := self._reason_not_to_fit(entry):
            self._waiting.pop(name, None)
            return CannotFit(reason)
        needed = entry.size_bytes + self._reserved_before(name) - (self.budget_bytes - self.used_bytes)
        idle, busy = self._candidates()
        if entry.state is Residency.COLD:
            victims = _cheapest(idle, needed)
            if needed <= sum(each.size_bytes for each in victims):
                self._waiting.pop(name, None)
                evicted = self._evict(victims)
                self._set_state(entry, Residency.LOADING)
                return Load(evicted)
        self._waiting.setdefault(name)
        if next(iter(self._waiting)) != name:
            return Wait()
        # Idle models stay until the load can begin. What idle and draining models do not provide, busy ones must.
        short = needed - sum(each.size_bytes for each in idle) - self._draining_bytes()
        return Wait(self._drain(_cheapest(busy, short)))

    def cancel(self, name: str) -> None:
        """No request waits for this model."""
        self._waiting.pop(name, None)

    def loaded(self, name: str, size_bytes: int, load_s: float) -> Correction | CannotFit:
        """A load is complete, with these measurements. After CannotFit, release the model: it counts as cold."""
        entry = self.entries[name]
        self._set_size(entry, size_bytes)
        entry.load_s = load_s
        if reason := self._reason_not_to_fit(entry):
            self._set_state(entry, Residency.COLD)
            return CannotFit(reason)
        self._set_state(entry, Residency.RESIDENT)
        entry.base = self._inflation
        entry.frequency += 1
        over = self.used_bytes - self.budget_bytes - self._draining_bytes()
        idle, busy = self._candidates(without=entry)
        victims = _cheapest(idle, over)
        drained = _cheapest(busy, over - sum(each.size_bytes for each in victims))
        return Correction(self._evict(victims), self._drain(drained))

    def freed(self, name: str) -> None:
        """A model's memory is free: it has drained, its load failed, or it was unloaded."""
        self._set_state(self.entries[name], Residency.COLD)

    def drain(self, name: str) -> bool:
        """Unload a resident model, pinned or not. Returns whether it can be released now: then call `freed`."""
        entry = self.entries[name]
        self._set_state(entry, Residency.DRAINING)
        return entry.in_flight == 0

    def by_priority(self) -> list[Entry]:
        """Resident models that are not pinned, the next one to be evicted first."""
        idle, busy = self._candidates()
        return sorted((*idle, *busy), key=self._priority)

    def max_size_bytes(self, name: str) -> int:
        """The size up to which a model fits, beside what is pinned."""
        return self.budget_bytes - self._pinned_beside(self.entries[name])

    def _pinned_beside(self, entry: Entry) -> int:
        return self._pinned_bytes - (entry.size_bytes if entry.pinned else 0)

    def _reason_not_to_fit(self, entry: Entry) -> str:
        others = self._pinned_beside(entry)
        if entry.size_bytes <= self.budget_bytes - others:
            return ""
        beside = f", of which pinned models need {size_text(others)}" if others else ""
        return (
            f"the model needs {size_text(entry.size_bytes)}, and the budget is {size_text(self.budget_bytes)}{beside}"
        )

    def _reserved_before(self, name: str) -> int:
        total = 0
        for other in self._waiting:
            if other == name:
                break
            total += self.entries[other].size_bytes
        return total

    def _draining_bytes(self) -> int:
        return sum(each.size_bytes for each in self.entries.values() if each.state is Residency.DRAINING)

    def _candidates(self, without: Entry | None = None) -> tuple[list[Entry], list[Entry]]:
        """Models that may be evicted, idle and busy, by priority."""
        now = self._clock()
        decay = 0.5 ** ((now - self._scanned) / HALF_LIFE_S)
        self._scanned = now
        idle: list[Entry] = []
        busy: list[Entry] = []
        for each in self.entries.values():
            each.frequency = each.frequency * decay + each.requests - each.counted
            each.counted = each.requests
            if each.used_since_scan:
                each.used_since_scan = False
                each.base = self._inflation
            if each.state is Residency.RESIDENT and not each.pinned and each is not without:
                (busy if each.in_flight else idle).append(each)
        idle.sort(key=self._priority)
        busy.sort(key=self._priority)
        return idle, busy

    @staticmethod
    def _priority(entry: Entry) -> float:
        return entry.base + max(entry.frequency, 1e-9) * max(entry.load_s, MIN_LOAD_S) / max(entry.size_bytes, 1)

    def _evict(self, victims: Sequence[Entry], state: Residency = Residency.COLD) -> tuple[str, ...]:
        for each in victims:
            self._inflation = max(self._inflation, self._priority(each))
            self._set_state(each, state)
        return tuple(each.name for each in victims)

    def _drain(self, busy: Sequence[Entry]) -> tuple[str, ...]:
        return self._evict(busy, Residency.DRAINING)

    def _set_state(self, entry: Entry, state: Residency) -> None:
        if entry.state is not Residency.COLD:
            self.used_bytes -= entry.size_bytes
        entry.state = state
        if state is not Residency.COLD:
            self.used_bytes += entry.size_bytes

    def _set_size(self, entry: Entry, size_bytes: int) -> None:
        if entry.state is not Residency.COLD:
            self.used_bytes += size_bytes - entry.size_bytes
        if entry.pinned:
            self._pinned_bytes += size_bytes - entry.size_bytes
        entry.size_bytes = size_bytes


def _cheapest(candidates: Iterable[Entry], needed_bytes: int) -> list[Entry]:
    """The first candidates that together have this many bytes, or all of them; without those that turn out to be unnecessary."""
    chosen: list[Entry] = []
    left = needed_bytes
    for each in candidates:
        if left <= 0:
            break
        chosen.append(each)
        left -= each.size_bytes
    for each in reversed(chosen[:-1]):
        if left + each.size_bytes <= 0:
            chosen.remove(each)
            left += each.size_bytes
    return chosen
