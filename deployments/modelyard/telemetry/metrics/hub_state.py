"""The state file of the hub. A restarted hub continues from it."""

from pathlib import Path
from typing import Any

import orjson

from modelyard.private_file import write_private
from modelyard.telemetry.metrics.aggregator import MetricsAggregator, PushSource
from modelyard.telemetry.metrics.snapshot import Histogram, Totals


def write(path: Path, aggregator: MetricsAggregator) -> None:
    """Replace the file atomically. Raises OSError."""
    stored = {
        "kept": _encode_totals(aggregator.ended_totals),
        "live": {name: _encode_source(source) for name, source in aggregator.live.items()},
        "ended": [[name, _encode_source(source)] for name, source in aggregator.ended.items()],
    }
    write_private(path, orjson.dumps(stored))


def read(path: Path, now: float) -> MetricsAggregator:
    """The stored state; an empty one if the file is missing or invalid."""
    try:
        stored = orjson.loads(path.read_bytes())
        aggregator = MetricsAggregator(restored=True, ended_totals=_decode_totals(stored["kept"]))
        aggregator.live.update((name, _decode_source(source, now)) for name, source in stored["live"].items())
        aggregator.ended.update((name, _decode_source(source, now)) for name, source in stored["ended"])
    except (OSError, ValueError, KeyError, TypeError):
        return MetricsAggregator()
    return aggregator


def _encode_source(source: PushSource) -> dict[str, Any]:
    return {
        "number": source.number,
        "totals": _encode_totals(source.totals),
        "before": _encode_totals(source.baseline),
    }


def _encode_totals(totals: Totals) -> dict[str, Any]:
    return {
        "counters": [[*key, count] for key, count in totals.counters.items()],
        "histograms": [[*key, *histogram.counts, histogram.nanos] for key, histogram in totals.histograms.items()],
    }


def _decode_source(stored: dict[str, Any], now: float) -> PushSource:
    totals, baseline = _decode_totals(stored["totals"]), _decode_totals(stored["before"])
    return PushSource(stored["number"], now, totals, baseline, {}, is_complete=False)


def _decode_totals(stored: dict[str, Any]) -> Totals:
    totals = Totals()
    for *key, count in stored["counters"]:
        totals.counters[tuple(key)] = count
    for row in stored["histograms"]:
        key = tuple(value for value in row if isinstance(value, str))
        *counts, nanos = row[len(key) :]
        totals.histograms[key] = Histogram(tuple(counts), nanos)
    return totals
