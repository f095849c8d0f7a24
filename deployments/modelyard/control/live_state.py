"""The state that a running server publishes at its control socket. It never waits for the reconciler, nor the reconciler for it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from modelyard.control.last_known import LastKnown
from modelyard.control.loop_snapshot import LoopSnapshot

if TYPE_CHECKING:  # the socket is served before these are imported
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.death_log import Death
    from modelyard.control.plan import Action
    from modelyard.control.status import ModelStatus
    from modelyard.telemetry.metrics.traffic import Traffic

Phase = Literal["starting", "serving", "stopping", "down"]
TRAFFIC_S = 0.2
"""How long a status waits for the metrics hub; else it shows the traffic of the last fetch."""
DESCRIBED = ("batching", "notes")
"""The fields of a model's page that a status shows."""
STOPPING = "draining and stopping"
"""The last step of a server."""

Described = dict[str, tuple[Any, Mapping[str, Any]]]
"""By model: the config of its application when its page was fetched, and the page."""


class LiveState:
    """Implements `reports.Report`, and receives a snapshot after each cycle of the reconciler."""

    def __init__(self, *, approval: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        """`approval`: changes wait for `modelyard apply`."""
        self.approval = approval
        self._now = now
        self._phase: Phase = "starting"
        self._step = ""
        self._since = datetime.now().astimezone()
        self.turn: LoopSnapshot | None = None
        self._traffic: LastKnown[dict[str, Traffic]] | None = None
        self._describe: Callable[[ModelStatus], Mapping[str, Any] | None] = lambda _: None
        self._deaths: Callable[[], Mapping[str, Sequence[Death]]] = dict
        self._described: LastKnown[Described] = LastKnown(self._describe_all, {})

    def set_sources(
        self,
        traffic: "Callable[[], dict[str, Traffic]]",
        describe: "Callable[[ModelStatus], Mapping[str, Any] | None]",
        deaths: "Callable[[], Mapping[str, Sequence[Death]]]",
    ) -> None:
        """Set the sources of the last minute's traffic, of a model's page, and of the replicas that died."""
        self._traffic = LastKnown(lambda _: traffic(), {})
        self._describe = describe
        self._deaths = deaths

    def turned(self, turn: LoopSnapshot) -> None:
        """Publish the state after a cycle of the reconciler."""
        self.turn = turn
        known, configs = self._described.value, turn.running.configs
        if any(_can_describe(each) and not _is_known(each.name, known, configs) for each in turn.statuses):
            self._described.refresh()

    def as_json(self) -> dict[str, Any]:
        """The document of GET /v1/status."""
        turn = self.turn
        return {
            "server": {
                "phase": self._phase,
                "step": self._step,
                "since": self._since.isoformat(timespec="seconds"),
                "approval": self.approval,
                "notices": [{"about": about, "text": text} for about, text in turn.notices.items()] if turn else [],
                "seen_s_ago": round(self._now() - turn.at, 1) if turn else None,
                "turn": turn.number if turn else 0,
                "configured": sorted(turn.configured) if turn else [],
                "waiting": [{"kind": a.kind, "model": a.model, "why": a.why} for a in turn.waiting] if turn else [],
                "withheld": turn.withheld if turn else "",
            },
            "models": self._models(turn) if turn else [],
            "pools": [pool.as_json() for pool in turn.pools] if turn else [],
        }

    def down(self, why: str) -> None:
        """No process serves; `why` says what the supervisor waits for."""
        self._enter("down", why)

    def starting(self, what: str) -> None:
        """See Report."""
        self._step = what
        if what == STOPPING:
            self._enter("stopping", what)

    def progress(self, statuses: "Sequence[ModelStatus]") -> None:
        """See Report."""
        self._step = "loading the models"

    def started(self, statuses: "Sequence[ModelStatus]", curl: str, metrics: str) -> None:
        """See Report."""
        self._enter("serving", "")

    def mistakes(self, error: "SpecError") -> None:
        """See Report; the snapshot's notices have it."""

    def applied(self, actions: "Sequence[Action]") -> None:
        """See Report; the snapshot's statuses show it."""

    def awaits(self, actions: "Sequence[Action]", withheld: str) -> None:
        """See Report; the snapshot has it."""

    def changed(self, status: "ModelStatus") -> None:
        """See Report; the snapshot's statuses show it."""

    def trouble(self, what: str) -> None:
        """See Report; problems that last are in the snapshot's notices."""

    def _enter(self, phase: Phase, step: str) -> None:
        self._phase, self._step, self._since = phase, step, datetime.now().astimezone()

    def _models(self, turn: LoopSnapshot) -> list[dict[str, Any]]:
        traffic = self._traffic.get(TRAFFIC_S) if self._traffic else {}
        described, deaths = self._described.value, self._deaths()
        return [
            {
                **status.as_json(),
                **{key: described[status.name][1].get(key) if status.name in described else None for key in DESCRIBED},
                "traffic": traffic[status.name].as_json() if status.name in traffic else None,
                "deaths": [asdict(death) for death in deaths.get(status.application, ())],
            }
            for status in turn.statuses
        ]

    def _describe_all(self, known: Described) -> Described:
        turn = self.turn
        if turn is None:
            return {}
        configs, found = turn.running.configs, {}
        for status in turn.statuses:
            name = status.name
            if name in known and (status.changing or _is_known(name, known, configs)):
                found[name] = known[name]
            elif _can_describe(status) and (page := self._describe(status)):
                found[name] = (configs.get(name), page)
        return found


def _can_describe(status: "ModelStatus") -> bool:
    """Whether its page is that of its config: during a change, replicas may still have the settings of before.

    A request for the page of a cold model would load it.
    """
    return status.state == "READY" and status.replicas > 0 and not status.changing and status.is_loaded


def _is_known(name: str, known: Described, configs: Mapping[str, Any]) -> bool:
    return name in known and known[name][0] == configs.get(name)
