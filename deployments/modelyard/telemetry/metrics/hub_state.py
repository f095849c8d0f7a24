"""The hub's book on disk, from which it goes on when it is started again."""

import os
from pathlib import Path
from typing import Any

import orjson

from modelyard.telemetry.metrics.aggregate import MetricsAggregator, Source
from modelyard.telemetry.metrics.snapshot import Histogram, Totals


def write(path: Path, book: MetricsAggregator) -> None:
    """Replace the file at once. Raises OSError."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    stored = {
        "kept": _plain(book.kept),
        "live": {name: _plain_source(source) for name, source in book.live.items()},
        "ended": [[name, _plain_source(source)] for name, source in book.ended.items()],
    }
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(stored))
    partial.replace(path)


def read(path: Path, now: float) -> MetricsAggregator:
    """The book as it was written; a new one where there is no file, or one that nobody here wrote."""
    try:
        stored = orjson.loads(path.read_bytes())
        book = MetricsAggregator(restored=True, kept=_totals(stored["kept"]))
        book.live.update((name, _source(source, now)) for name, source in stored["live"].items())
        book.ended.update((name, _source(source, now)) for name, source in stored["ended"])
    except (OSError, ValueError, KeyError, TypeError):
        return MetricsAggregator()
    return book


def _plain_source(source: Source) -> dict[str, Any]:
    return {"number": source.number, "totals": _plain(source.totals), "before": _plain(source.before)}


def _plain(totals: Totals) -> dict[str, Any]:
    return {
        "counters": [[*key, count] for key, count in totals.counters.items()],
        "histograms": [[*key, *histogram.counts, histogram.nanos] for key, histogram in totals.histograms.items()],
    }


def _source(stored: dict[str, Any], now: float) -> Source:
    return Source(stored["number"], now, _totals(stored["totals"]), _totals(stored["before"]), {})


def _totals(stored: dict[str, Any]) -> Totals:
    totals = Totals()
    for *key, count in stored["counters"]:
        totals.counters[tuple(key)] = count
    for row in stored["histograms"]:
        key = tuple(value for value in row if isinstance(value, str))
        *counts, nanos = row[len(key) :]
        totals.histograms[key] = Histogram(tuple(counts), nanos)
    return totals
