"""The statistics extension: what a version has done, in Triton's words. Pure.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Work:
    """What one version has done since the server started; durations in nanoseconds."""

    rows: int
    """Of requests that were answered."""
    answered: int
    failed: int
    """Requests; those that could not be read among them."""
    total_ns: int
    """From receiving requests until their end, of those that were taken on: answered, timed out or failed in the model."""
    queued: int
    """Requests that were taken on."""
    queue_ns: int
    calls: int
    """Of the model."""
    compute_ns: int


def model_statistics(name: str, version: str, work: Work) -> dict[str, Any]:
    """An element of `model_stats`. What is not measured apart (how long failures took, copying inputs and outputs, single batch
    sizes, when the last request was) is 0 or empty; there is no response cache.

    The three parts of a call have one count, that of the calls, as in Triton: its perf_analyzer ends where they differ.
    """
    nothing = {"count": 0, "ns": 0}
    copied = {"count": work.calls, "ns": 0}
    return {
        "name": name,
        "version": version,
        "inference_count": work.rows,
        "execution_count": work.calls,
        "inference_stats": {
            "success": {"count": work.answered, "ns": work.total_ns},
            "fail": {"count": work.failed, "ns": 0},
            "queue": {"count": work.queued, "ns": work.queue_ns},
            "compute_input": copied,
            "compute_infer": {"count": work.calls, "ns": work.compute_ns},
            "compute_output": copied,
            "cache_hit": nothing,
            "cache_miss": nothing,
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    }
