"""What a pool's replica knows of one model: its configurations, what serves it, and what it reports. No IO."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from modelyard.errors import ModelNotReady
from modelyard.ray_serve.application import ModelArgs, PoolMember
from modelyard.ray_serve.pool_report import ModelReport, Residency
from modelyard.replica.model_server import ModelServer

FIRST_RETRY_S, MAX_RETRY_S = 5.0, 300.0
"""After a load failed and nothing serves, it is tried again after the first, then after twice as long each time."""


class CannotLoad(Exception):
    """A model cannot be loaded. Its one argument is the reason, for the operator."""


@dataclass(eq=False, slots=True)
class Configuration:
    """One configuration of a model: what is loaded."""

    member: PoolMember
    fingerprint: str
    key: str
    """Its name in the budget: a candidate needs memory beside what serves. Begins with the model's name and a space."""
    files_bytes: int | None = None
    """Of its artefacts; None before they were read."""
    load_s: float = 0.0
    """Of the last load; 0 before the first one."""
    error: str = ""
    """Why the last load failed; "" if it did not."""
    failures: int = 0
    """Loads that failed, since the last one that did not."""
    retry_at: float = 0.0
    """When a failed load may be tried again, if nothing serves meanwhile."""

    def failed(self, error: str, now: float, *, slow: bool = False) -> float:
        """A load failed. Returns the seconds until it may be tried again; a `slow` one is not tried again soon."""
        pause_s = MAX_RETRY_S if slow else min(MAX_RETRY_S, FIRST_RETRY_S * 2.0**self.failures)
        self.error, self.retry_at = error, now + pause_s
        self.failures += 1
        return pause_s

    def quarantine(self, reason: str) -> None:
        """Never load it, for this reason."""
        self.error, self.retry_at = reason, inf

    def loaded(self, load_s: float) -> None:
        """A load has completed."""
        self.load_s = load_s
        self.error, self.failures, self.retry_at = "", 0, 0.0

    def may_load(self, now: float) -> bool:
        """Whether it may be loaded if nothing serves."""
        return not self.error or now >= self.retry_at


@dataclass(eq=False, slots=True)
class ModelState:
    """One configured model."""

    raw: Mapping[str, Any]
    """The plain values of its PoolMember, compared at each change."""
    wanted: Configuration
    good: Configuration | None = None
    """What serves, in memory or not; None until a load has succeeded."""
    server: ModelServer | None = None
    """Serves `good`."""
    loading: "asyncio.Task[None] | None" = None
    candidate: Configuration | None = None
    """What `loading` loads."""
    awaited: bool = False
    """Whether it is in the queue of loads that no request needs."""
    loads: int = 0
    evictions: int = 0
    progress: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it serves, or when its loads have ended; then another one is here. Requests wait for it, and not for `loading`,
    which may go on with a candidate."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.wanted.member.args.spec.name

    def next(self, now: float) -> Configuration | None:
        """What to load: the wanted configuration, unless it failed; else, if nothing serves, the one that has worked before, or
        one that failed, after a pause."""
        serves = self.server is not None
        if not (serves and self.good is self.wanted) and not self.wanted.error:
            return self.wanted
        if serves:
            return None
        if self.good is not None and self.good.may_load(now):
            return self.good
        return self.wanted if (self.good is None or self.good.error) and self.wanted.may_load(now) else None

    def wake(self) -> None:
        """Let the requests that wait check again."""
        self.progress.set()
        self.progress = asyncio.Event()

    def uses(self, config: Configuration) -> bool:
        """Whether this configuration is wanted or serves."""
        return config is self.wanted or config is self.good

    def report(self, size_bytes: int) -> ModelReport:
        """The model's state. `size_bytes` is the size of `good` in memory."""
        serves = self.good or (None if self.awaited else self.wanted)
        if serves is not None and serves.error:
            serves = None
        error = self.wanted.error or (self.good.error if self.good else "")
        resident = self.server is not None
        residency: Residency = "RESIDENT" if resident else "COLD" if serves else "LOADING"
        if self.loading is not None and not resident:
            residency = "LOADING"
        elif not serves and error:
            residency = "FAILED"
        return ModelReport(
            residency=residency,
            fingerprint=serves.fingerprint if serves else "",
            rejected=self.wanted.fingerprint if self.wanted.error else "",
            reason=error,
            resident_bytes=size_bytes if resident else 0,
            load_s=self.good.load_s if self.good else 0.0,
            loads=self.loads,
            evictions=self.evictions,
        )

    def not_ready(self, now: float) -> ModelNotReady | None:
        """Why it would not answer requests now, or not before its first load, which no request has begun; None if it would."""
        if self.report(0).serves:
            return None
        if self.wanted.error:
            return self.unavailable(now)
        return ModelNotReady(f"model {self.name!r} is LOADING")

    def unavailable(self, now: float) -> ModelNotReady:
        """The error of a request while nothing can serve it."""
        configs = [each for each in (self.wanted, self.good) if each is not None and each.error]
        error = ModelNotReady(f"model {self.name!r} is UNAVAILABLE" + (f": {configs[0].error}" if configs else ""))
        retry_s = min((each.retry_at - now for each in configs), default=1.0)
        error.retry_after_s = max(1, round(min(retry_s, MAX_RETRY_S)))
        return error


def member_of(raw: Mapping[str, Any]) -> PoolMember:
    """The PoolMember in its plain values, which may have further keys."""
    return PoolMember.from_plain({key: raw[key] for key in PoolMember.model_fields})


def artefact_bytes(args: ModelArgs) -> int:
    """The size of the files of all versions. Raises OSError."""
    total = 0
    for version in args.versions:
        folder = args.repository / args.spec.folder / str(version.number)
        total += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return total


def too_busy(seconds: float) -> ModelNotReady:
    """The error of a request for a cold model while models are loaded and evicted in turn. `seconds` is Retry-After."""
    error = ModelNotReady(
        "the models of this pool do not fit into its memory together: it spends most of its time loading them"
    )
    error.retry_after_s = max(1, round(seconds))
    return error
