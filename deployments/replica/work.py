"""What a version has done, from what is counted for metrics."""

from deployments.protocols.oip.statistics import Work
from monitoring.accumulate import VersionCounts
from monitoring.metrics import BATCH_SIZE, COMPUTE_DURATION, QUEUE_DURATION, REQUEST_DURATION, ROWS
from monitoring.snapshot import Totals


def work_of(counts: VersionCounts) -> Work:
    """All protocols together, since the process started."""
    totals = Totals()
    counts.add_to(totals)
    codes = list(counts.codes.values())
    answered = sum(each["ok"] for each in codes)
    nanos = {key[0]: histogram.nanos for key, histogram in totals.histograms.items()}
    return Work(
        rows=next(count for key, count in totals.counters.items() if key[0] == ROWS.name),
        calls=next(sum(each.counts) for key, each in totals.histograms.items() if key[0] == BATCH_SIZE.name),
        answered=answered,
        failed=sum(sum(each.values()) for each in codes) - answered,
        total_ns=nanos[REQUEST_DURATION.name],
        queue_ns=nanos[QUEUE_DURATION.name],
        compute_ns=nanos[COMPUTE_DURATION.name],
    )
