"""Model statistics as in Triton's statistics extension, over all running and ended replicas. The metrics hub has the counts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from modelyard.gateway.catalogue import ModelEntry, find_model, not_ready, ready_names
from modelyard.protocols.oip.statistics import VersionStatistics, model_statistics
from modelyard.protocols.versions import unknown_version
from modelyard.telemetry.metrics.aggregator import ModelTotals
from modelyard.telemetry.metrics.declarations import COMPUTE_DURATION, QUEUE_DURATION, REQUEST_DURATION, REQUESTS, ROWS
from modelyard.telemetry.metrics.snapshot import Histogram, Totals

GetModelTotals = Callable[[Sequence[str]], Awaitable[ModelTotals]]
"""Returns the current totals of these models. Raises ModelNotReady if the hub is unavailable."""

EMPTY = Histogram((0,), 0)


class ModelStatistics:
    """Statistics of the versions that are configured or still have a replica."""

    def __init__(self, get_totals: GetModelTotals) -> None:
        self._get_totals = get_totals

    async def of_all(self, entries: Mapping[str, ModelEntry]) -> dict[str, Any]:
        """Of every model that is READY."""
        names = ready_names(entries)
        totals = await self._get_totals(names)
        return {"model_stats": [each for name in names for each in _by_version(entries[name], totals).values()]}

    async def of_one(self, name: str, version: str, entries: Mapping[str, ModelEntry]) -> dict[str, Any]:
        """Of one model; all its versions if `version` is "". Raises ModelNotFound and ModelNotReady."""
        entry = find_model(name, entries)
        if entry.state != "READY":
            raise not_ready(entry)
        by_version = _by_version(entry, await self._get_totals([name]))
        if version and version not in by_version:
            raise unknown_version(name, version, by_version)
        return {"model_stats": [by_version[version]] if version else list(by_version.values())}


def _by_version(entry: ModelEntry, totals: ModelTotals) -> dict[str, dict[str, Any]]:
    """Statistics by version, newest first."""
    configured = {str(number) for number in entry.versions}
    running = {version for model, version in totals.running if model == entry.name}
    versions = sorted(configured | running, key=int, reverse=True)
    return {
        each: model_statistics(entry.name, each, version_work(totals.totals, entry.name, each)) for each in versions
    }


def version_work(totals: Totals, model: str, version: str) -> VersionStatistics:
    """The counts of one version, summed over all protocols."""
    key = (model, version)
    requests, queue, compute = (
        totals.histograms.get((metric.name, *key), EMPTY)
        for metric in (REQUEST_DURATION, QUEUE_DURATION, COMPUTE_DURATION)
    )
    codes = [(each[3], count) for each, count in totals.counters.items() if each[:3] == (REQUESTS.name, *key)]
    succeeded = sum(count for code, count in codes if code == "ok")
    return VersionStatistics(
        rows=totals.counters.get((ROWS.name, *key), 0),
        succeeded=succeeded,
        failed=sum(count for _, count in codes) - succeeded,
        total_ns=requests.nanos,
        queued=sum(queue.counts),
        queue_ns=queue.nanos,
        calls=sum(compute.counts),
        compute_ns=compute.nanos,
    )
