"""Decides which parts of a model are compiled: those that are supported and pass the parity gate.

The modules that compile are imported only when they are needed. They import private modules of scikit-learn and SciPy: if a release
moves one, the model is served without it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.sklearn.compiled import encoders, gate
from modelyard.runtimes.sklearn.compiled.encoders import Encode
from modelyard.runtimes.sklearn.compiled.hard_texts import hard_texts
from modelyard.runtimes.sklearn.compiled.head import CompiledTrees, Head, NotCompiledError
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows, Vectorize
from modelyard.tensors import Array

T = TypeVar("T")

MAX_TREE_ROWS = 512
"""How many of the rows around thresholds are compared in all outputs. What each tree returns is compared for all of them."""


class Compilation:
    """The compiled parts of one model. If `wanted` is False, there are none."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._attempts = 0
        self.parts: list[str] = []
        """The classes of the estimators that are compiled."""
        self.notes: list[str] = []
        """Why others are not, for the operator."""
        self.is_late = False
        """Whether a part could not be checked in time. The next load tries again."""

    def vectorizer(self, estimators: Sequence[Any]) -> tuple[Vectorize, int] | None:
        """A function that equals the first of these steps on texts, and how many steps that are; None if it is not compiled."""

        def make() -> tuple[Vectorize, int] | None:
            from modelyard.runtimes.sklearn.compiled import vectorizers  # noqa: PLC0415 - imports private modules

            return vectorizers.leading(estimators)

        def difference(made: tuple[Vectorize, int]) -> str:
            function, count = made
            return gate.rows_difference(estimators[:count], function, hard_texts(estimators[0]), gate.Clock())

        return self._attempt(estimators[0], make, difference)

    def encoder(self, estimator: Any, *, dense: bool) -> Encode | None:
        """A function that equals `transform` of an encoder of text columns; None if it is not compiled. With `dense`, it may return
        an array in place of a sparse matrix."""

        def make() -> Encode | None:
            return encoders.compiled(estimator, dense=dense)

        def difference(encode: Encode) -> str:
            odd, usual = encoders.odd_rows(estimator), encoders.usual_rows(estimator)
            return gate.table_difference(encoders.own(estimator), encode, odd, usual, gate.Clock())

        return self._attempt(estimator, make, difference)

    def text_head(self, final: Any, vectorizer: Any, vectorize: Vectorize) -> Head | None:
        """The head of an estimator on the rows that `vectorize` returns; None if it is not compiled."""

        def make() -> Head | None:
            from modelyard.runtimes.sklearn.compiled import sparse_linear  # noqa: PLC0415 - imports private modules

            return sparse_linear.head(final)

        def difference(head: Head) -> str:
            rows = vectorize(np.array([*filter(_is_unicode, hard_texts(vectorizer))], object))
            return gate.head_difference(final, head, rows.scipy(), SparseRows.of, gate.Clock())

        return self._attempt(final, make, difference)

    def tree_head(self, final: Any, rows: Any) -> Head | None:
        """The head of a forest, a tree or gradient boosting on such rows; None if it is not compiled."""
        if not isinstance(rows, np.ndarray) or rows.dtype not in (np.float64, np.float32):
            return None
        made = self._attempt(final, lambda: _trees(final), lambda trees: _trees_difference(final, trees, rows))
        return made.head if made else None

    def _attempt(self, estimator: Any, make: Callable[[], T | None], difference: Callable[[T], str]) -> T | None:
        """What `make` returns if it shows no difference. An error is a reason, too: the estimator itself can serve."""
        if not self._wanted:
            return None
        self._attempts += 1
        try:
            made = make()
            if made is None:
                return None
            name = f"compiled part {self._attempts}"
            reason = RESULTS.once(name, lambda: difference(made), keep=lambda found: found != gate.LATE)
        except NotCompiledError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - see above
            reason = f"{type(error).__name__}: {error}"
        kind = type(estimator).__name__
        self.is_late |= reason == gate.LATE
        if not reason:
            self.parts.append(kind)
            return made
        self.notes.append(f"{kind} is not compiled: {reason}")
        return None


def _trees(final: Any) -> CompiledTrees | None:
    from modelyard.runtimes.sklearn.compiled import boosting, forests  # noqa: PLC0415 - import private modules

    return forests.compiled(final) or boosting.compiled(final)


def _trees_difference(final: Any, trees: CompiledTrees, rows: Array) -> str:
    clock = gate.Clock()
    hard: list[Array] = []
    for number, (around, differs) in enumerate(trees.checked(rows[0])):
        if differs:
            return f"tree {number} returns another value near one of its thresholds"
        if clock.is_late:
            return gate.LATE
        hard.append(around[~np.isinf(around).any(axis=1)])  # most models reject infinity
    several = _some(np.concatenate([_some(each, max(4, MAX_TREE_ROWS // len(hard))) for each in hard]), MAX_TREE_ROWS)
    return gate.head_difference(final, trees.head, np.concatenate((rows, several.astype(rows.dtype))), None, clock)


def _some(rows: Array, count: int) -> Array:
    return rows[:: max(1, len(rows) // count)]


def _is_unicode(text: str) -> bool:
    """Without lone surrogates, which some vectorizers reject."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
