"""Which models an operator should look at first. Pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.control.status import ModelStatus
    from modelyard.telemetry.metrics.traffic import Traffic

_STATES = ("UNAVAILABLE", "LOADING", "READY")


def worst_first(statuses: Sequence["ModelStatus"], traffic: "Mapping[str, Traffic]") -> "list[ModelStatus]":
    """What is not READY, then what did not take its last change, then by failed requests, queue, 99th percentile, name."""

    def order(status: "ModelStatus") -> tuple[object, ...]:
        seen = traffic.get(status.name)
        busy = (-seen.failed, -seen.queued, -(seen.p99_s or 0.0)) if seen else (0, 0, 0.0)
        return (_STATES.index(status.state), not status.reason, *busy, status.name)

    return sorted(statuses, key=order)
