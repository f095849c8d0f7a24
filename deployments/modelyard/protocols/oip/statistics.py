"""The statistics extension: Triton's counters for one version.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VersionStatistics:
    """Counters of one version since the server started; durations in nanoseconds."""

    rows: int
    """The rows of successful requests."""
    answered: int
    failed: int
    """Failed requests, including those that could not be decoded."""
    total_ns: int
    """Total time from receipt to completion of the accepted requests: successful, timed out, or failed in the model."""
    queued: int
    """Accepted requests."""
    queue_ns: int
    calls: int
    """Calls of the model, one per batch."""
    compute_ns: int


def model_statistics(name: str, version: str, done: VersionStatistics) -> dict[str, Any]:
    """An element of `model_stats`.

    0 or empty is what is not measured: the duration of failures, copying inputs and outputs, statistics by batch size, the time of
    the last request, and the response cache, which does not exist. The three parts of a call have the same count, as in
    Triton: its perf_analyzer stops if they differ.
    """
    zero = {"count": 0, "ns": 0}
    copied = {"count": done.calls, "ns": 0}
    return {
        "name": name,
        "version": version,
        "inference_count": done.rows,
        "execution_count": done.calls,
        "inference_stats": {
            "success": {"count": done.answered, "ns": done.total_ns},
            "fail": {"count": done.failed, "ns": 0},
            "queue": {"count": done.queued, "ns": done.queue_ns},
            "compute_input": copied,
            "compute_infer": {"count": done.calls, "ns": done.compute_ns},
            "compute_output": copied,
            "cache_hit": zero,
            "cache_miss": zero,
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    }
