"""Which fitted estimators read which columns of a table, and what that says about the columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn import boosters
from deployments.runtimes.sklearn.parts import indices_of, inside, is_known

PASSTHROUGH = "passthrough"
ALL_NUMBERS = BaseForest | BaseGradientBoosting
"""Ensembles of many estimators, none of which reads anything but numbers."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A fitted estimator that reads columns as they come in a request; or PASSTHROUGH, which hands them on unread."""

    part: Any
    indices: Sequence[int]
    """The columns, in the order in which it was fitted with them."""
    after: Any = None
    """The estimator that gets what was passed through, where that is known."""


def readers(estimator: Any, names: Sequence[str]) -> Iterator[Reader]:
    """Everything inside a fitted estimator that reads the columns of a table. `names` are those of all columns."""
    yield from _Readers(names).of(estimator, range(len(names)))


class _Readers:
    """Goes through a fitted estimator."""

    def __init__(self, names: Sequence[str]) -> None:
        self._places = {name: index for index, name in enumerate(names)}

    def of(self, part: Any, indices: Sequence[int]) -> Iterator[Reader]:
        """Those inside one estimator that reads these columns."""
        own = getattr(part, "feature_names_in_", None)
        if own is not None and all(name in self._places for name in own):
            # Members of an ensemble may have been fitted with other columns than the ensemble itself.
            indices = [self._places[name] for name in own]
        if isinstance(part, ColumnTransformer):
            yield from self._of_columns(part, indices)
        elif isinstance(part, FeatureUnion):
            for _, transformer in part.transformer_list:
                if not isinstance(transformer, str):
                    yield from self.of(transformer, indices)
                elif transformer == PASSTHROUGH:
                    yield Reader(PASSTHROUGH, indices)
        elif isinstance(part, Pipeline):
            yield from self._of_pipeline(part, indices)
        elif (preprocessor := getattr(part, "_preprocessor", None)) is not None:
            yield from self.of(preprocessor, indices)  # histogram gradient boosting encodes its categories there
        elif members := _members(part):
            chosen = getattr(part, "estimators_features_", [range(len(indices))] * len(members))  # of bagging
            for member, features in zip(members, chosen, strict=True):
                yield from self.of(member, [indices[index] for index in features])
            if getattr(part, PASSTHROUGH, False):  # of stacking
                yield Reader(PASSTHROUGH, indices)
        else:
            yield Reader(part, indices)

    def _of_columns(self, part: ColumnTransformer, indices: Sequence[int]) -> Iterator[Reader]:
        for name, transformer, chosen in part.transformers_:
            mine = [indices[index] for index in np.atleast_1d(indices_of(part, name, chosen)).astype(int).tolist()]
            if isinstance(transformer, str):
                if transformer == PASSTHROUGH and mine:
                    yield Reader(PASSTHROUGH, mine)
            elif mine:
                yield from self.of(transformer, mine)

    def _of_pipeline(self, pipeline: Pipeline, indices: Sequence[int]) -> Iterator[Reader]:
        for place, (_, step) in enumerate(pipeline.steps):
            if step in (None, PASSTHROUGH) or hasattr(step, "fit_resample"):  # a sampler does nothing but in fit()
                continue
            if isinstance(step, FunctionTransformer) and step.func is None:
                continue
            following = next(
                (later for _, later in pipeline.steps[place + 1 :] if later not in (None, PASSTHROUGH)), None
            )
            for reader in self.of(step, indices):
                is_open = isinstance(reader.part, str) and reader.after is None
                yield Reader(PASSTHROUGH, reader.indices, following) if is_open else reader
            if isinstance(step, FunctionTransformer) and isinstance(step.func, np.ufunc):
                continue  # value by value: the next step reads the same columns
            return


def _members(part: Any) -> list[Any]:
    if isinstance(part, ALL_NUMBERS) or boosters.is_booster(part):
        return []
    return [member for member in inside(part) if not isinstance(member, str)]


def reads_text(estimator: Any) -> bool:
    """Whether its rows are texts: it takes a list of them and no table."""
    if isinstance(estimator, CountVectorizer | HashingVectorizer):
        return True
    if isinstance(estimator, ColumnTransformer) or boosters.is_booster(estimator):
        return False
    first = [*_first(estimator)]
    return bool(first) and all(map(reads_text, first))


def _first(part: Any) -> Iterator[Any]:
    """The fitted estimators inside this one that get its rows."""
    if isinstance(part, FeatureUnion):
        yield from (transformer for _, transformer in part.transformer_list if not isinstance(transformer, str))
    elif isinstance(part, Pipeline):
        for _, step in part.steps:
            if step not in (None, PASSTHROUGH) and not hasattr(step, "fit_resample"):
                yield step
                is_opaque = isinstance(step, FunctionTransformer) and step.func is not None
                if not isinstance(step, FunctionTransformer) or (is_opaque and hasattr(step, "feature_names_in_")):
                    return
    else:
        yield from _members(part)


def feature_names(estimator: Any) -> tuple[str, ...]:
    """The names of all columns that it, or anything inside it that gets its rows, was fitted with."""
    names = boosters.feature_names(estimator)
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    found = dict.fromkeys([] if names is None else map(str, names))
    if not isinstance(estimator, ColumnTransformer | ALL_NUMBERS):
        for part in _first(estimator):
            found |= dict.fromkeys(feature_names(part))
    return tuple(found)


def feature_count(estimator: Any) -> int | None:
    """How many columns it was fitted with; None where nothing says it. Raises LoadError for what takes no table."""
    if isinstance(estimator, DictVectorizer | FeatureHasher):
        raise LoadError(f"a {type(estimator).__name__} takes dictionaries, which no signature can describe")
    count = boosters.feature_count(estimator)
    if count is None:
        count = getattr(estimator, "n_features_in_", None)
    if count is not None:
        return int(count)
    if is_known(estimator) and get_tags(estimator).input_tags.one_d_array:
        return 1
    counts = [found for part in _first(estimator) if (found := feature_count(part)) is not None]
    return max(counts, default=None)
