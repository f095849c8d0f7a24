"""The model under test, and whether it may be loaded. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelyard.text.nearest_name import nearest

if TYPE_CHECKING:
    from modelyard.cli.fleet_state import FleetState
    from modelyard.control.status import ModelStatus
    from modelyard.telemetry.metrics.traffic import Traffic

MAX_NAMES = 3
CONFIRM = "--yes"


class NotMeasurable(Exception):
    """The model cannot or should not be loaded. The one argument is the message for the operator."""


def find_target(state: "FleetState", name: str) -> "ModelStatus":
    """The model's row. Raises NotMeasurable if it is unknown or cannot answer."""
    statuses = {status.name: status for status in state.statuses}
    if name not in statuses:
        near = nearest(name, statuses)
        raise NotMeasurable(f"the server has no model {name!r}" + (f"; did you mean {near!r}?" if near else ""))
    status = statuses[name]
    if status.state != "READY" or not status.url:
        reason = f": {' '.join(status.reason.split())}" if status.reason else ""
        raise NotMeasurable(f"{name} is {status.state}{reason}")
    return status


def check_idle(traffic: "Mapping[str, Traffic]") -> None:
    """Raise NotMeasurable if a model of the server had requests in the last minute: all share this machine."""
    busy = {name: each.requests_per_s for name, each in traffic.items() if each.requests_per_s > 0}
    if not busy:
        return
    most = sorted(busy, key=lambda name: -busy[name])
    named = ", ".join(f"{name} ({busy[name]:.1f}/s)" for name in most[:MAX_NAMES])
    more = f" and {len(most) - MAX_NAMES} more" if len(most) > MAX_NAMES else ""
    raise NotMeasurable(
        f"the server had requests within the last minute: {named}{more}. A load test slows them down, and they change its "
        f"result. Wait until there are none, or confirm with {CONFIRM}"
    )
