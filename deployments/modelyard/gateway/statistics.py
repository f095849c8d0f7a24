"""What models have done so far, in Triton's words, from the numbers of the metrics' hub: all replicas together, dead ones too."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from modelyard.errors import ModelNotFound
from modelyard.gateway.catalogue import Entry, ready
from modelyard.gateway.model_errors import find, not_ready
from modelyard.protocols.oip.statistics import VersionStatistics, model_statistics
from modelyard.telemetry.metrics.aggregate import Counted
from modelyard.telemetry.metrics.declarations import COMPUTE_DURATION, QUEUE_DURATION, REQUEST_DURATION, REQUESTS, ROWS
from modelyard.telemetry.metrics.snapshot import Histogram, Totals

AskHub = Callable[[Sequence[str]], Awaitable[Counted]]
"""What models of these names have counted until now. Raises ModelNotReady where the hub is away."""

NOTHING = Histogram((0,), 0)


class Statistics:
    """Tells of versions that are configured, or that have a replica still."""

    def __init__(self, ask: AskHub) -> None:
        self._ask = ask

    async def of_all(self, entries: Mapping[str, Entry]) -> dict[str, Any]:
        """Every model that is READY."""
        names = ready(entries)
        counted = await self._ask(names)
        return {"model_stats": [told for name in names for told in _of_a_model(entries[name], counted).values()]}

    async def of_one(self, name: str, version: str, entries: Mapping[str, Entry]) -> dict[str, Any]:
        """One model; all its versions where `version` is "". Raises ModelNotFound and ModelNotReady."""
        entry = find(name, entries)
        if entry.state != "READY":
            raise not_ready(entry)
        told = _of_a_model(entry, await self._ask([name]))
        if version and version not in told:
            raise ModelNotFound(f"model {name!r} has no version {version!r} here; served: {', '.join(told)}")
        return {"model_stats": [told[version]] if version else list(told.values())}


def _of_a_model(entry: Entry, counted: Counted) -> dict[str, dict[str, Any]]:
    """By version, the newest first."""
    configured = {each["version"] for each in entry.about.get("versions", ())}
    running = {version for model, version in counted.running if model == entry.name}
    versions = sorted(configured | running, key=int, reverse=True)
    return {each: model_statistics(entry.name, each, work_of(counted.totals, entry.name, each)) for each in versions}


def work_of(totals: Totals, model: str, version: str) -> VersionStatistics:
    """One version, by all protocols together."""
    key = (model, version)
    requests, queue, compute = (
        totals.histograms.get((metric.name, *key), NOTHING)
        for metric in (REQUEST_DURATION, QUEUE_DURATION, COMPUTE_DURATION)
    )
    codes = [(each[3], count) for each, count in totals.counters.items() if each[:3] == (REQUESTS.name, *key)]
    answered = sum(count for code, count in codes if code == "ok")
    return VersionStatistics(
        rows=totals.counters.get((ROWS.name, *key), 0),
        answered=answered,
        failed=sum(count for _, count in codes) - answered,
        total_ns=requests.nanos,
        queued=sum(queue.counts),
        queue_ns=queue.nanos,
        calls=sum(compute.counts),
        compute_ns=compute.nanos,
    )
