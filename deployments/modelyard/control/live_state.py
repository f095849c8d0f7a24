"""What a running server says of itself at its control socket. Never waits for the control loop, nor the loop for it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from modelyard.control.last_known import LastKnown
from modelyard.control.loop_snapshot import LoopSnapshot

if TYPE_CHECKING:  # the socket is answered before these are imported
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.death_log import Death
    from modelyard.control.plan import Action
    from modelyard.control.status import ModelStatus
    from modelyard.telemetry.metrics.traffic import Traffic

Phase = Literal["starting", "serving", "stopping", "down"]
TRAFFIC_S = 0.2
"""How long a status waits for the metrics hub; else it shows the traffic that was asked for last."""
DESCRIBED = ("batching", "notes")
"""What a status shows of a model's description."""
STOPPING = "draining and stopping"
"""The last step of a server."""

Described = dict[str, tuple[Any, Mapping[str, Any]]]
"""By model: the config of its application when it was asked, and what it said of itself."""


class LiveState:
    """Implements `control.watch.Report`, and gets each turn of the loop."""

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

    def ask_of(
        self,
        traffic: "Callable[[], dict[str, Traffic]]",
        describe: "Callable[[ModelStatus], Mapping[str, Any] | None]",
        deaths: "Callable[[], Mapping[str, Sequence[Death]]]",
    ) -> None:
        """From now on: where the last minute's traffic comes from, what a model says of itself, and replicas that died."""
        self._traffic = LastKnown(lambda _: traffic(), {})
        self._describe = describe
        self._deaths = deaths

    def turned(self, turn: LoopSnapshot) -> None:
        """The loop has ended a turn."""
        self.turn = turn
        known, configs = self._described.value, turn.running.configs
        if any(_answers(each) and not _is_known(each.name, known, configs) for each in turn.statuses):
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
        }

    def down(self, why: str) -> None:
        """No process serves: what the supervisor waits for."""
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
        """See Report; the turn's notices have it."""

    def applied(self, actions: "Sequence[Action]") -> None:
        """See Report; the turn's statuses show it."""

    def awaits(self, actions: "Sequence[Action]", withheld: str) -> None:
        """See Report; the turn has it."""

    def changed(self, status: "ModelStatus") -> None:
        """See Report; the turn's statuses show it."""

    def trouble(self, what: str) -> None:
        """See Report; what lasts is among the turn's notices."""

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
                "deaths": [asdict(death) for death in deaths.get(status.name, ())],
            }
            for status in turn.statuses
        ]

    def _describe_all(self, known: Described) -> Described:
        turn = self.turn
        if turn is None:
            return {}
        configs, found = turn.running.configs, {}
        for status in filter(_answers, turn.statuses):
            if _is_known(status.name, known, configs):
                found[status.name] = known[status.name]
            elif told := self._describe(status):
                found[status.name] = (configs.get(status.name), told)
        return found


def _answers(status: "ModelStatus") -> bool:
    return status.state == "READY" and status.replicas > 0


def _is_known(name: str, known: Described, configs: Mapping[str, Any]) -> bool:
    return name in known and known[name][0] == configs.get(name)
