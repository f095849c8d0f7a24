"""Finds which fitted estimators read which columns of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.feature_selection._base import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Binarizer, FunctionTransformer
from sklearn.utils import get_tags

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.parts import holds_other_code, indices_of, inside, is_known
from modelyard.runtimes.sklearn.table import boosters

PASSTHROUGH = "passthrough"
PASS_ON = (SelectorMixin, Binarizer)
"""Estimators that pass columns on with their original types, which code in later steps sees."""
ALL_NUMBERS = BaseForest | BaseGradientBoosting
"""Ensembles of many estimators that all read only numbers."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A fitted estimator that reads columns as they are in a request; or PASSTHROUGH, which passes them on unread."""

    part: Any
    indices: Sequence[int]
    """The columns, in the order of the fit."""
    after: Any = None
    """The estimator that gets the columns that were passed through, if it is known."""
    of_dtype: bool = False
    """Whether its columns were chosen because they are of pandas' dtype `category`."""


def readers(estimator: Any, names: Sequence[str]) -> Iterator[Reader]:
    """All readers inside a fitted estimator. `names` are those of all columns."""
    yield from _Readers(names).of(estimator, range(len(names)))


class _Readers:
    """Walks through a fitted estimator."""

    def __init__(self, names: Sequence[str]) -> None:
        self._places = {name: index for index, name in enumerate(names)}

    def of(self, part: Any, indices: Sequence[int]) -> Iterator[Reader]:
        """The readers inside one estimator that gets these columns."""
        while isinstance(part, FrozenEstimator):  # it exposes the attributes of the inner estimator as its own
            part = part.estimator
        own = getattr(part, "feature_names_in_", None)
        if own is not None and all(name in self._places for name in own):
            # Members of an ensemble may have been fitted with other columns than the ensemble itself.
            indices = [self._places[name] for name in own]
        if isinstance(part, ColumnTransformer):
            yield from self._of_columns(part, indices)
        elif isinstance(part, FeatureUnion):
            yield from self._of_union(part, indices)
        elif isinstance(part, Pipeline):
            yield from self._of_pipeline(part, indices)
        elif (preprocessor := getattr(part, "_preprocessor", None)) is not None:
            # The encoder of histogram gradient boosting.
            of_dtype = isinstance(part.categorical_features, str)  # "from_dtype"
            yield from (replace(reader, of_dtype=of_dtype) for reader in self.of(preprocessor, indices))
        elif members := _members(part):
            yield from self._of_members(part, members, indices)
        else:
            yield Reader(part, indices)

    def _of_union(self, part: FeatureUnion, indices: Sequence[int]) -> Iterator[Reader]:
        for _, transformer in part.transformer_list:
            if not isinstance(transformer, str):
                yield from self.of(transformer, indices)
            elif transformer == PASSTHROUGH:
                yield Reader(PASSTHROUGH, indices)

    def _of_members(self, part: Any, members: Sequence[Any], indices: Sequence[int]) -> Iterator[Reader]:
        chosen = getattr(part, "estimators_features_", [range(len(indices))] * len(members))  # of bagging
        for member, features in zip(members, chosen, strict=True):
            yield from self.of(member, [indices[index] for index in features])
        if getattr(part, PASSTHROUGH, False):  # of stacking
            yield Reader(PASSTHROUGH, indices)

    def _of_columns(self, part: ColumnTransformer, indices: Sequence[int]) -> Iterator[Reader]:
        for name, transformer, chosen in part.transformers_:
            mine = [indices[index] for index in np.atleast_1d(indices_of(part, name, chosen)).astype(int).tolist()]
            if isinstance(transformer, str):
                if transformer == PASSTHROUGH and mine:
                    yield Reader(PASSTHROUGH, mine)
            elif mine:
                yield from self.of(transformer, mine)

    def _of_pipeline(self, pipeline: Pipeline, indices: Sequence[int]) -> Iterator[Reader]:
        steps = [step for step in _active_steps(pipeline) if not _is_function(step) or step.func is not None]
        for place, step in enumerate(steps):
            following = steps[place + 1] if place + 1 < len(steps) else None
            reaches_code = any(map(holds_other_code, steps[place + 1 :]))
            for reader in self.of(step, indices):
                passes_on = isinstance(reader.part, PASS_ON) and reaches_code
                without_next = isinstance(reader.part, str) and reader.after is None
                yield Reader(PASSTHROUGH, reader.indices, following) if without_next or passes_on else reader
            if not _keeps_columns(step):
                return


def _keeps_columns(step: Any) -> bool:
    """Whether the next step reads the same columns: this step works on single values, or fills missing ones."""
    if isinstance(step, SimpleImputer):
        dropped = step.keep_empty_features is False and any(map(_is_nan, step.statistics_))
        return step.indicator_ is None and not dropped
    return _is_function(step) and isinstance(step.func, np.ufunc)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value  # noqa: PLR0124 - only NaN differs from itself


def _members(part: Any) -> list[Any]:
    if isinstance(part, ALL_NUMBERS) or boosters.is_booster(part):
        return []
    return [member for member in inside(part) if not isinstance(member, str)]


def reads_text(estimator: Any) -> bool:
    """Whether its rows are texts: it takes a list of texts, not a table."""
    if isinstance(estimator, CountVectorizer | HashingVectorizer):
        return True
    if isinstance(estimator, ColumnTransformer) or boosters.is_booster(estimator):
        return False
    if isinstance(estimator, Pipeline):
        # A function that was fitted with a table has the number of its columns.
        others = (
            step for step in _active_steps(estimator) if not _is_function(step) or hasattr(step, "n_features_in_")
        )
        return reads_text(next(others, None))
    first = [*_first(estimator)]
    return bool(first) and all(map(reads_text, first))


def _first(part: Any) -> Iterator[Any]:
    """The fitted estimators inside this one that get its rows."""
    if isinstance(part, FeatureUnion):
        yield from (transformer for _, transformer in part.transformer_list if not isinstance(transformer, str))
    elif isinstance(part, Pipeline):
        for step in _active_steps(part):
            yield step
            if not _is_function(step) or not (step.func is None or isinstance(step.func, np.ufunc)):
                return
    else:
        yield from _members(part)


def _active_steps(pipeline: Pipeline) -> Iterator[Any]:
    """Its steps, without those that do nothing outside fit()."""
    return (step for _, step in pipeline.steps if step not in (None, PASSTHROUGH) and not hasattr(step, "fit_resample"))


def _is_function(step: Any) -> bool:
    return isinstance(step, FunctionTransformer)


def feature_names(estimator: Any) -> tuple[str, ...]:
    """The names of all columns that it, or an estimator inside it that gets its rows, was fitted with."""
    names = boosters.feature_names(estimator)
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    found = dict.fromkeys([] if names is None else map(str, names))
    if not isinstance(estimator, ColumnTransformer | ALL_NUMBERS):
        for part in _first(estimator):
            found |= dict.fromkeys(feature_names(part))
    return tuple(found)


def feature_count(estimator: Any) -> int | None:
    """How many columns it was fitted with; None if that is not stored. Raises LoadError if it takes no table."""
    if isinstance(estimator, DictVectorizer | FeatureHasher):
        raise LoadError(f"a {type(estimator).__name__} takes dictionaries, which a signature cannot describe")
    count = boosters.feature_count(estimator)
    if count is None:
        count = getattr(estimator, "n_features_in_", None)
    if count is not None:
        return int(count)
    if is_known(estimator) and get_tags(estimator).input_tags.one_d_array:
        return 1
    counts = [found for part in _first(estimator) if (found := feature_count(part)) is not None]
    return max(counts, default=None)
