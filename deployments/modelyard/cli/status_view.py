"""What `modelyard status` prints of many models: a selection of them, in groups by pool."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from modelyard.cli.model_table import COLOURS, status_lines
from modelyard.cli.terminal_columns import middle_cut
from modelyard.text.nearest_name import nearest
from modelyard.text.sizes import size_text

if TYPE_CHECKING:
    from modelyard.cli.fleet_state import FleetState
    from modelyard.control.pool_status import PoolStatus
    from modelyard.control.status import ModelStatus

MAX_READY = 20
"""READY models of one group that a terminal shows; the others are counted."""
MAX_NOTES = 20
"""Notes below the table that a terminal shows."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The models to show. An empty field selects all."""

    pool: str = ""
    state: str = ""
    """A model's state, or RESIDENT or COLD."""
    search: str = ""
    """A part of the name or of the reason, in any case."""

    def __bool__(self) -> bool:
        """Whether this is a selection at all."""
        return bool(self.pool or self.state or self.search)

    def has(self, model: Mapping[str, Any]) -> bool:
        """Whether to show a model, given as in `status -o json`."""
        text = self.search.lower()
        return (
            self.pool in ("", model["pool"])
            and self.state in ("", model["state"], model["residency"])
            and (text in model["name"].lower() or text in model["reason"].lower())
        )

    def applied_to(self, state: "FleetState") -> "FleetState":
        """The state with these models only, and with the pool that is selected. Raises LookupError for an unknown pool."""
        names = [pool["name"] for pool in state.pools]
        if self.pool and self.pool not in names:
            near = nearest(self.pool, names)
            raise LookupError(f"there is no pool {self.pool!r}" + (f"; did you mean {near!r}?" if near else ""))
        pools = tuple(pool for pool in state.pools if self.pool in ("", pool["name"]))
        return replace(state, models=tuple(filter(self.has, state.models)), pools=pools)


def grouped_table(state: "FleetState", width: int | None, *, complete: bool) -> Text:
    """The models, in groups if there are pools: models with replicas of their own, then each pool below a line about it.

    In a group, models that are not READY come first. Unless `complete`, it has at most MAX_READY lines of READY models.
    """
    groups = _groups(state)
    shown = [(pool, *_first(group, complete=complete)) for pool, group in groups]
    models = [status for _, some, _ in shown for status in some]
    heading, *lines = status_lines(models, state.traffic, width)
    rest = iter(lines)
    result = [heading]
    for pool, some, hidden in shown:
        if pool is not None:
            result.append(_pool_line(pool, width))
        result += [next(rest) for _ in some]
        if hidden:
            more = f"--pool {pool.name} -o wide" if pool else "-o wide"
            result.append(Text(f"+{hidden} more, all READY: modelyard status {more}", "dim"))
    return Text("\n").join(result)


def first_notes(notes: Collection[str], *, complete: bool) -> Iterator[str]:
    """The notes to print. Unless `complete`, at most MAX_NOTES, and how many others there are."""
    for number, note in enumerate(notes):
        if number == MAX_NOTES and not complete:
            yield f"+{len(notes) - MAX_NOTES} more notes: modelyard status -o wide"
            return
        yield note


def _groups(state: "FleetState") -> "list[tuple[PoolStatus | None, list[ModelStatus]]]":
    statuses = state.statuses
    if not state.pools:
        return [(None, list(statuses))]
    by_pool: dict[str, list[ModelStatus]] = {}
    for status in sorted(statuses, key=lambda each: (each.state == "READY", not each.reason)):
        by_pool.setdefault(status.pool, []).append(status)
    pools = state.pool_statuses
    known = {pool.name for pool in pools}
    alone = [status for name, group in by_pool.items() if name not in known for status in group]
    return [(None, alone), *((pool, by_pool.get(pool.name, [])) for pool in pools)]


def _first(group: "Sequence[ModelStatus]", *, complete: bool) -> "tuple[list[ModelStatus], int]":
    """The models to show, and the number of others."""
    healthy = [status for status in group if status.state == "READY" and not status.reason]
    if complete or len(healthy) <= MAX_READY:
        return [*group], 0
    hidden = {status.name for status in healthy[MAX_READY:]}
    return [status for status in group if status.name not in hidden], len(hidden)


def _pool_line(pool: "PoolStatus", width: int | None) -> Text:
    numbers = {
        "not READY": pool.models - pool.ready,
        "resident": pool.resident,
        "cold": pool.cold,
        "loading": pool.loading,
        "failed": pool.failed,
    }
    counts = ", ".join(f"{n} {what}" for what, n in numbers.items() if n or what == "resident")
    text = (
        f"pool {pool.name}: {pool.replicas}/{pool.replicas_wanted} replicas, {pool.models} models ({counts}), "
        f"memory {size_text(pool.used_bytes)} of {size_text(pool.budget_bytes)}"
    )
    if pool.reason:
        text += f": {' '.join(pool.reason.split())}"
    return Text(text if width is None else middle_cut(text, width), f"bold {COLOURS[pool.state]}")
