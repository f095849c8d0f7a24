"""Medians over the rounds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load_rounds import Sample


@dataclass(frozen=True, slots=True)
class Summary:
    """Medians over the rounds for one target and number of connections."""

    requests_per_s: float
    slowest_round: float
    fastest_round: float
    p50_ms: float
    p99_ms: float
    replica_us: float
    proxy_us: float
    other_us: float
    pss_bytes: float


Summaries = Mapping[tuple[str, int], Summary]
"""By target and connections."""


def summarize(samples: Iterable[Sample]) -> Summaries:
    """Medians by target and connections."""
    runs: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        runs.setdefault((sample.target, sample.connections), []).append(sample)
    return {key: _summary(same) for key, same in runs.items()}


def _summary(same: Sequence[Sample]) -> Summary:
    rates = [sample.load.requests_per_s for sample in same]
    return Summary(
        requests_per_s=median(rates),
        slowest_round=min(rates),
        fastest_round=max(rates),
        p50_ms=median(sample.load.p50_ms for sample in same),
        p99_ms=median(sample.load.p99_ms for sample in same),
        replica_us=median(sample.cpu_us["replica"] for sample in same),
        proxy_us=median(sample.cpu_us["proxy"] for sample in same),
        other_us=median(sample.cpu_us["other"] for sample in same),
        pss_bytes=median(sample.pss_bytes for sample in same),
    )
