"""The answers that each model of the soak may give, while models change."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.pools.answers import Answer, is_same
from benchmarks.pools.rows import quantile

ABSENT = object()
"""Stands among the answers for: there is no such model."""
SHOWN = 20
"""Problems of which the details are kept, until they are taken."""


class Allowed:
    """What each model may answer. An edit allows the next answer before it is made, and forbids the old one when it is reported."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._allowed: dict[str, tuple[Any, ...]] = {answer.model: (answer.prediction,) for answer in answers}

    def of(self, model: str) -> tuple[Any, ...]:
        """At this moment."""
        return self._allowed[model]

    def set(self, model: str, *predictions: Any) -> None:
        """From now on."""
        self._allowed[model] = predictions


def is_absent(status: int, body: bytes) -> bool:
    """Whether this response says that there is no such model, or not yet: the gateway knows an added model before the edge does."""
    return status == 404 or (status == 503 and b"' is LOADING" in body)


def is_allowed(found: Any, sent: Sequence[Any], received: Sequence[Any]) -> bool:
    """Whether an answer was right when the request was sent, or when the answer came."""
    expected = (*sent, *received)
    if found is ABSENT:
        return ABSENT in expected
    return any(each is not ABSENT and is_same(found, each) for each in expected)


@dataclass
class Outcomes:
    """Counts of answers, by minute. For one thread."""

    seconds: dict[str, list[list[float]]] = field(default_factory=dict)
    """Durations of right answers, by protocol and minute."""
    absent: int = 0
    """Right answers of models that were removed."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Answers of another version, model or none, by protocol."""
    lost: Counter[str] = field(default_factory=Counter)
    """Requests without an answer, or with an error, by kind."""
    shown: list[str] = field(default_factory=list)
    """Details of the first problems."""

    def right(self, protocol: str, minute: int, seconds: float) -> None:
        """A right answer."""
        minutes = self.seconds.setdefault(protocol, [])
        while len(minutes) <= minute:
            minutes.append([])
        minutes[minute].append(seconds)

    def problem(self, kinds: Counter[str], kind: str, details: str) -> None:
        """A wrong answer or a lost one."""
        kinds[kind] += 1
        if len(self.shown) < SHOWN:
            self.shown.append(details)

    def take_shown(self) -> list[str]:
        """The details that are kept; then those of the next problems are."""
        shown, self.shown = self.shown, []
        return shown

    def answers(self, protocol: str | None = None) -> int:
        """Right answers, of all protocols or of one."""
        return sum(len(each) for name, minutes in self.seconds.items() if protocol in (None, name) for each in minutes)

    def in_minute(self, minute: int) -> list[float]:
        """Durations of the right answers in a minute."""
        return [second for minutes in self.seconds.values() for second in (minutes[minute : minute + 1] or [[]])[0]]

    def quantile_s(self, protocol: str, share: float) -> float:
        """Of the durations in this protocol."""
        return quantile([second for minute in self.seconds[protocol] for second in minute], share)
