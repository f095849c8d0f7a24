"""The models of a folder that `thousand_models` has made, and the right answer of each."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PRECISION = 1e-5
"""Relative: models compute in FP32. Two copies of a model differ by one, which is more than this of any of their numbers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and its only right answer."""

    model: str
    body: bytes
    """The request of `predict`."""
    row: tuple[float, ...]
    """The values in it."""
    prediction: Any
    """A text, or a number."""

    @property
    def path(self) -> str:
        """The path of `predict`."""
        return f"/models/{self.model}/predict"


def read_answers(folder: Path) -> list[Answer]:
    """All models of the folder, in the order in which they were made."""
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [_answer(json.loads(line)) for line in lines]


def _answer(line: dict[str, Any]) -> Answer:
    (row,), (prediction,) = line["request"]["instances"], line["predictions"]
    return Answer(line["model"], json.dumps(line["request"]).encode(), tuple(row), flat(prediction))


def flat(prediction: Any) -> Any:
    """The one value of a prediction: ONNX regressions return it in a list."""
    return prediction[0] if isinstance(prediction, list) and len(prediction) == 1 else prediction


def is_same(prediction: Any, expected: Any) -> bool:
    """Whether a prediction is the expected one; numbers within PRECISION."""
    if isinstance(expected, str):
        return bool(prediction == expected)
    return isinstance(prediction, int | float) and math.isclose(prediction, expected, rel_tol=PRECISION)


def predicted(body: bytes) -> Any:
    """The one prediction in a response of `predict`. Raises ValueError and LookupError for another document."""
    return flat(json.loads(body)["predictions"][0])


class Zipf:
    """Draws by Zipf's law: the second is drawn half as often as the first, the third a third as often.

    The ranks are shuffled, so that popular models are of all kinds.
    """

    def __init__(self, items: Sequence[T], seed: int, exponent: float = 1.0) -> None:
        self._random = random.Random(seed)
        self.ranked: list[Any] = self._random.sample(items, len(items))
        """The items, from the most popular one."""
        self._sums = list(accumulate(rank**-exponent for rank in range(1, len(items) + 1)))

    def draw(self) -> Any:
        """One item."""
        return self._random.choices(self.ranked, cum_weights=self._sums)[0]
