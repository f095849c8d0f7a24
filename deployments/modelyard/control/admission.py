"""Which models may load now, so that a start of many does not let all of them compete for the processors. Pure but for the clock.

Replicas that load at once on few cores all load slowly, and each may pass its `load_timeout_s`. So Serve gets the next models only
when the ones before have loaded; models that are up serve meanwhile.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.control.plan import restarts
from modelyard.control.serve_config import GATEWAY, ServeConfig, amend_catalogue, by_name, catalogue_of, served_by
from modelyard.control.status import Running, deployed
from modelyard.ray_serve.application_status import reason_of

MAX_SLOT_S = 60.0
"""How long a model that loads keeps others waiting: one that hangs must not keep them all."""


class Admission:
    """Remembers which models are loading; `limit` replicas may at a time, or any number where it is None."""

    def __init__(self, limit: int | None, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._loading: dict[str, tuple[float, int]] = {}
        """When each was admitted, and how many of its replicas load."""
        self.waiting: tuple[str, ...] = ()
        """Models of the last target that are still to be admitted."""

    def admit(self, running: Running, wanted: ServeConfig) -> ServeConfig:
        """`wanted`, but with what runs now, or nothing, in place of each model that has to wait for others to load."""
        current, target = running.configs, by_name(wanted)
        self._forget_loaded(running)
        waiting = []
        for name in _required_first(target):
            application = target[name]
            if not _loads(current.get(name), application):
                continue
            if self._has_room(replicas := _first_replicas(application)):
                self._loading[name] = (self._now(), replicas)
            else:
                waiting.append(name)
        merged = _merged(current, wanted, waiting)
        routes = [application["route_prefix"] for application in merged["applications"]]
        if len({*routes}) < len(routes):  # models swap their routes, which Serve accepts in one step only
            merged, waiting = wanted, []
        self.waiting = tuple(waiting)
        return merged

    def _has_room(self, replicas: int) -> bool:
        busy = sum(count for _, count in self._loading.values())
        return self._limit is None or busy == 0 or busy + replicas <= self._limit

    def _forget_loaded(self, running: Running) -> None:
        for name, (since, _) in [*self._loading.items()]:
            details = running.applications.get(name)
            if self._now() - since > MAX_SLOT_S or (details is not None and not _is_loading(details)):
                del self._loading[name]


def _required_first(target: Mapping[str, ServeConfig]) -> list[str]:
    """The models: those for which the server's readiness waits do not wait for others, which may be broken."""
    required = {entry["name"]: entry["required"] for entry in catalogue_of(target[GATEWAY])}
    return sorted(target.keys() - {GATEWAY}, key=lambda name: (not required.get(name, True), name))


def _is_loading(details: Mapping[str, Any]) -> bool:
    """A model without room for its replica waits, and loads nothing."""
    seen = deployed(details)
    return seen.status in ("NOT_STARTED", "DEPLOYING") and not reason_of(seen)


def _loads(old: ServeConfig | None, new: ServeConfig) -> bool:
    return old is None or restarts(old, new)


def _first_replicas(application: ServeConfig) -> int:
    (deployment,) = application["deployments"]
    scaling = deployment.get("autoscaling_config")
    return max(1, int(scaling["min_replicas"] if scaling else deployment.get("num_replicas", 1)))


def _merged(current: Mapping[str, ServeConfig], wanted: ServeConfig, waiting: list[str]) -> ServeConfig:
    if not waiting:
        return wanted
    told = {name: served_by(current[name]) if name in current else {"waiting": True} for name in waiting}
    applications = [
        amend_catalogue(application, told) if name == GATEWAY else current.get(name) if name in told else application
        for name, application in by_name(wanted).items()
    ]
    return {**wanted, "applications": [application for application in applications if application is not None]}
