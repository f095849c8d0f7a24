"""The state that `status` and `top` show, from the running server's socket, or from Ray on a cluster."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modelyard.cli.control_client import RunningServer, running_server
from modelyard.control.death_log import Death, DeathLog, summary
from modelyard.control.pool_status import PoolStatus, pool_statuses
from modelyard.control.status import ModelStatus
from modelyard.telemetry.metrics.traffic import Traffic

if TYPE_CHECKING:
    from modelyard.control.apply import Applier
    from modelyard.control.desired import DesiredState

STALE_S = 10.0
"""From this age on, `status` says how old the state is."""


@dataclass(frozen=True, slots=True)
class FleetState:
    """A snapshot of all models."""

    models: tuple[Mapping[str, Any], ...]
    """Each as in `status -o json`."""
    configured: frozenset[str]
    server: Mapping[str, Any] = field(default_factory=dict)
    """See `LiveState.as_json`; empty if the state is from Ray."""
    pools: tuple[Mapping[str, Any], ...] = ()
    """Each as in `status -o json`."""

    @property
    def statuses(self) -> tuple[ModelStatus, ...]:
        """The models, as rows of the table."""
        return tuple(map(_row, self.models))

    @property
    def pool_statuses(self) -> tuple[PoolStatus, ...]:
        """The pools."""
        return tuple(PoolStatus(**pool) for pool in self.pools)

    @property
    def traffic(self) -> dict[str, Traffic]:
        """Traffic of the last minute, by model."""
        keys = Traffic.__dataclass_fields__
        return {
            model["name"]: Traffic(**{key: model["traffic"][key] for key in keys})
            for model in self.models
            if model["traffic"]
        }

    @property
    def is_healthy(self) -> bool:
        """Whether every configured model is READY, and the configuration is valid."""
        there = {model["name"] for model in self.models}
        invalid = any(notice["about"] == "configuration" for notice in self.server.get("notices", ()))
        started = not self.server or self.server["turn"] > 0
        return started and not invalid and self.configured <= there and all(m["state"] == "READY" for m in self.models)

    def notes(self) -> Iterator[str]:
        """Lines below the table: why requests are not batched, and the models' notes."""
        for model in self.models:
            batching = model["batching"]
            if batching and not batching["batched"]:
                yield f"{model['name']}: requests are not batched: {batching['reason']}"
            for note in model["notes"] or ():
                yield f"{model['name']}: {note}"

    def deaths(self) -> Iterator[str]:
        """One line for each model whose replicas died within a day."""
        for model in self.models:
            if model["deaths"]:
                yield f"{model['name']}: {summary([Death(**death) for death in model['deaths']])}"

    def notices(self) -> Iterator[str]:
        """Messages of the server that are not about one model's state."""
        server = self.server
        if not server:
            return
        if server["phase"] != "serving":
            step = f": {server['step']}" if server["step"] else ""
            yield f"the server has been {server['phase']} since {server['since']}{step}"
        if server["seen_s_ago"] is not None and server["seen_s_ago"] > STALE_S:
            yield f"this state is {server['seen_s_ago']:.0f} s old: the server is waiting for Ray"
        for notice in server["notices"]:
            yield str(notice["text"])
        for action in server["waiting"]:
            yield f"pending `modelyard apply`: {action['kind']} {action['model']}: {action['why']}"


def _row(model: Mapping[str, Any]) -> ModelStatus:
    values: dict[str, Any] = {key: model[key] for key in ModelStatus.__dataclass_fields__}
    return ModelStatus(**{**values, "versions": tuple(values["versions"])})


class StateSource(Protocol):
    """A source of snapshots."""

    def fetch(self) -> FleetState:
        """The current state. Raises ConnectionError."""


@contextmanager
def state_source(config_dir: Path) -> Iterator[StateSource]:
    """The running server's socket, or else Ray. Raises SpecError and ConnectionError."""
    if server := running_server(config_dir):
        yield _SocketSource(server)
        return
    from modelyard.cli.attach import attached  # noqa: PLC0415 - takes seconds

    with attached(config_dir, starting=False) as (applier, desired):
        yield _RaySource(applier, desired, DeathLog(desired.config.state_dir))


class _SocketSource:
    def __init__(self, server: RunningServer) -> None:
        self._server = server

    def fetch(self) -> FleetState:
        document = self._server.status()
        server = document["server"]
        return FleetState(
            tuple(document["models"]), frozenset(server["configured"]), server, tuple(document.get("pools", ()))
        )


class _RaySource:
    def __init__(self, applier: "Applier", desired: "DesiredState", deaths: DeathLog) -> None:
        self._applier = applier
        self._deaths = deaths
        self._configured = frozenset(model.name for model in desired.config.models)

    def fetch(self) -> FleetState:
        from modelyard.cli.attach import traffic  # noqa: PLC0415 - imports Ray
        from modelyard.control.probe import describe_model  # noqa: PLC0415

        running = self._applier.running()
        statuses, rates = self._applier.statuses(running), traffic()
        deaths = self._deaths.recent(time.time())
        models = []
        for status in statuses:
            up = status.state == "READY" and status.replicas and status.residency in ("", "RESIDENT")
            about = (describe_model(self._applier.urls, status) if up else None) or {}
            recent = rates[status.name].as_json() if status.name in rates else None
            died = [asdict(death) for death in deaths.get(status.name, ())]
            more = {"batching": about.get("batching"), "notes": about.get("notes"), "traffic": recent, "deaths": died}
            models.append({**status.as_json(), **more})
        pools = tuple(pool.as_json() for pool in pool_statuses(running, statuses))
        return FleetState(tuple(models), self._configured, pools=pools)
