"""Why each replica was started, from one observation of Serve to the next. Pure."""

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
    """A reason for each replica that was requested and has not been seen yet."""


class ReplicaStarts:
    """Counts new replicas by model and reason (`modelyard.telemetry.metrics.declarations.START_REASONS`)."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._models: dict[str, _Model] = {}

    def observe(self, model: str, replicas: Collection[str], target: int, *, config: object, through: bool) -> None:
        """`replicas` are the ids of the replicas that exist, `target` is their target number.

        A change of `config` restarts replicas; `through` says that no such change is under way.
        """
        known = self._models.get(model)
        if known is None:
            # A replica that was up before the first observation was not started now.
            known = self._models[model] = _Model(config, target, changing=not through)
            known.seen = {*replicas} if through else set()
        if config != known.config:
            known.config, known.changing = config, True
        self._note_target(known, target)
        for _ in {*replicas} - known.seen:
            reason = known.wanted.pop(0) if known.wanted else "replace"
            self.counts[(model, "deploy" if known.changing else reason)] += 1
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
        """Forget the models that were removed; their counts stay."""
        self._models = {name: known for name, known in self._models.items() if name in models}
