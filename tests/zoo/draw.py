"""Random choices that are repeatable by seed."""

import random
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


class Draw:
    """A stream of choices. Two streams with the same seed are equal."""

    def __init__(self, *seed: object) -> None:
        self._random = random.Random(repr(seed))
        self.numpy = np.random.default_rng(self._random.getrandbits(63))
        """For arrays; seeded like the rest."""

    def one(self, *options: T) -> T:
        """Any of these."""
        return self._random.choice(options)

    def chance(self, share: float) -> bool:
        """True for this share of the calls."""
        return self._random.random() < share

    def whole(self, low: int, high: int) -> int:
        """An integer, both ends included."""
        return self._random.randint(low, high)

    def some(self, options: Sequence[T], min_count: int = 1, max_count: int | None = None) -> list[T]:
        """Several of these in their order, at least `min_count`."""
        max_count = len(options) if max_count is None else min(max_count, len(options))
        count = self.whole(min(min_count, max_count), max_count)
        chosen = sorted(self._random.sample(range(len(options)), count))
        return [options[index] for index in chosen]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """All of these in another order."""
        return self._random.sample(list(values), len(values))

    def weighted(self, options: Sequence[tuple[float, T]]) -> T:
        """One of these, by the weight before each."""
        return self._random.choices([value for _, value in options], [weight for weight, _ in options])[0]

    def call(self, *makers: Any) -> Any:
        """The result of any of these functions."""
        return self.one(*makers)()
