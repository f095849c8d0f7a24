"""Why each replica was started, worked out from one look at Serve after the other. Pure."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Model:
    config: object
    target: int
    changing: bool
    seen: set[str] = field(default_factory=set)
    wanted: list[str] = field(default_factory=list)
    """A reason for each replica that was asked for and has not been seen yet."""


class ReplicaStarts:
    """Counts new replicas by model and reason (`modelyard.telemetry.metrics.declarations.START_REASONS`)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._models: dict[str, _Model] = {}

    def observe(self, model: str, replicas: Collection[str], target: int, *, config: object, through: bool) -> None:
        """`replicas` are the ids of those that exist, `target` is how many are wanted.

        `config` is what replicas are restarted for when it changes; `through` says that no change of it is under way.
        """
        known = self._models.get(model)
        if known is None:
            # One that was up before anybody looked was not started now.
            known = self._models[model] = _Model(config, target, changing=not through)
            known.seen = {*replicas} if through else set()
        if config != known.config:
            known.config, known.changing = config, True
        self._note_target(known, target)
        for _ in {*replicas} - known.seen:
            asked = known.wanted.pop(0) if known.wanted else "replace"
            self.counts[(model, "deploy" if known.changing else asked)] += 1
        known.seen = {*replicas}
        known.changing = known.changing and not through

    @staticmethod
    def _note_target(known: _Model, target: int) -> None:
        if target > known.target:
            known.wanted += ["scale" if known.target else "cold"] * (target - known.target)
        elif target < known.target:
            known.wanted.clear()
        known.target = target

    def forget_all_but(self, models: Collection[str]) -> None:
        """A model that was taken out starts anew when it comes back; what it has counted stays."""
        self._models = {name: known for name, known in self._models.items() if name in models}
