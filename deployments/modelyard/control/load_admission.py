"""Limits how many models load at the same time. Pure but for the clock.

Many replicas that load at once on few cores all load slowly, and each may exceed its `load_timeout_s`. So Serve gets the next
models only when those before have loaded. Models that are up keep serving.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.control.catalogue_entries import amend_catalogue, served_by
from modelyard.control.plan import restarts
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig, by_name, settings_of
from modelyard.control.status import Running, deployed
from modelyard.ray_serve.application import CatalogueEntry
from modelyard.ray_serve.application_status import reason_of

MAX_SLOT_S = 60.0
"""How long a loading model counts: one that hangs must not block the others."""


class LoadAdmission:
    """Remembers which models are loading. At most `limit` replicas load at a time; None is no limit."""

    def __init__(self, limit: int | None, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._loading: dict[str, tuple[float, int]] = {}
        """Per model, when it was admitted and how many of its replicas load."""
        self.waiting: tuple[str, ...] = ()
        """The models of the last target that are not admitted yet."""

    def admit(self, running: Running, wanted: ServeConfig) -> ServeConfig:
        """`wanted`, but each model that has to wait stays as it runs now, or is left out if it does not run."""
        current, target = running.configs, by_name(wanted)
        self._forget_loaded(running)
        waiting = []
        for name in _required_first(target):
            application = target[name]
            if POOL in application or not _loads(
                current.get(name), application
            ):  # a pool's replica loads one after the other
                continue
            if self._has_room(replicas := _first_replicas(application)):
                self._loading[name] = (self._now(), replicas)
            else:
                waiting.append(name)
        merged = _merged(current, wanted, waiting)
        routes = [application["route_prefix"] for application in merged["applications"]]
        if len({*routes}) < len(routes):  # models swap routes, which Serve accepts in one step only
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
    """The models in the order of admission: first those that the server's readiness depends on, since others may be broken."""
    required = {
        entry["name"]: entry["required"] for entry in settings_of(target[GATEWAY])["models"]
    }  # its plain values
    return sorted(target.keys() - {GATEWAY}, key=lambda name: (not required[name], name))


def _is_loading(details: Mapping[str, Any]) -> bool:
    """Not a model that waits for resources: it loads nothing."""
    seen = deployed(details)
    return seen.status in ("NOT_STARTED", "DEPLOYING") and not reason_of(seen)


def _loads(old: ServeConfig | None, new: ServeConfig) -> bool:
    return old is None or restarts(old, new)


def _first_replicas(application: ServeConfig) -> int:
    (deployment,) = application["deployments"]
    scaling = deployment.get("autoscaling_config")
    return max(1, int(scaling["min_replicas"] if scaling else deployment["num_replicas"]))


def _merged(current: Mapping[str, ServeConfig], wanted: ServeConfig, waiting: list[str]) -> ServeConfig:
    if not waiting:
        return wanted

    def amended(entry: CatalogueEntry) -> CatalogueEntry:
        if entry.name not in waiting:
            return entry
        if entry.name in current:
            return entry.amended(served=served_by(current[entry.name]))
        return entry.amended(waiting=True)

    applications = [
        amend_catalogue(application, amended)
        if name == GATEWAY
        else current.get(name)
        if name in waiting
        else application
        for name, application in by_name(wanted).items()
    ]
    return {**wanted, "applications": [application for application in applications if application is not None]}
