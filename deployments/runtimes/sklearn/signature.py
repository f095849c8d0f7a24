"""What a fitted estimator takes, as the inputs of a signature. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn.parts import indices_of, inner
from deployments.tensors import FREE, Array, TensorSpec

WIDEST = ("BYTES", "FP64", "INT64", "BOOL")
"""Where two transformers read one column, the first of their datatypes here."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The table that an estimator reads."""

    names: tuple[str, ...]
    """Of all columns, as it was fitted; x0, x1, ... where it was fitted without names, as scikit-learn calls them."""
    named: bool
    datatypes: tuple[str, ...]
    """Of each column; "" where nothing reads it."""

    @property
    def numbers(self) -> bool:
        """Whether it is all plain numbers: one input, in which each row is a list."""
        return set(self.datatypes) == {"FP64"}


def reads_text(estimator: Any) -> bool:
    """Whether its rows are texts."""
    if isinstance(estimator, CountVectorizer | HashingVectorizer):
        return True
    if isinstance(estimator, FeatureUnion):
        return all(reads_text(part) for _, part in estimator.transformer_list)
    if isinstance(estimator, ColumnTransformer):
        return False
    inside = _first(estimator)
    return inside is not None and reads_text(inside)


def columns_of(estimator: Any) -> Columns:
    """The columns of a fitted estimator that reads a table. Raises LoadError."""
    names = _feature_names(estimator)
    count = len(names) or _feature_count(estimator)
    found: list[set[str]] = [set() for _ in range(count)]
    for part, indices in readers(estimator, range(count)):
        for index, datatype in zip(indices, _datatypes(part, len(indices)), strict=True):
            found[index].add(datatype)
    datatypes = tuple(next((datatype for datatype in WIDEST if datatype in column), "") for column in found)
    return Columns(names or tuple(f"x{index}" for index in range(count)), bool(names), datatypes)


def inputs_of(columns: Columns | None) -> tuple[TensorSpec, ...]:
    """One input for texts (None), one for a table of plain numbers, else one for each column that is read."""
    if columns is None:
        return (TensorSpec("text", "BYTES", (FREE,)),)
    if columns.numbers:
        names = columns.names if columns.named else ()
        return (TensorSpec("x", "FP64", (FREE, len(columns.datatypes)), names),)
    pairs = zip(columns.names, columns.datatypes, strict=True)
    return tuple(TensorSpec(name, datatype, (FREE,)) for name, datatype in pairs if datatype)


def readers(part: Any, indices: Sequence[int]) -> Iterator[tuple[Any, Sequence[int]]]:
    """The fitted estimators that read an estimator's columns first, each with the numbers of those it reads."""
    if isinstance(part, ColumnTransformer):
        for name, transformer, chosen in part.transformers_:
            if not isinstance(transformer, str) or transformer != "drop":
                mine = np.atleast_1d(indices_of(part, name, chosen)).astype(int).tolist()
                yield from readers(transformer, [indices[index] for index in mine])
    elif isinstance(part, FeatureUnion):
        for _, transformer in part.transformer_list:
            if transformer != "drop":
                yield from readers(transformer, indices)
    elif not hasattr(part, "categories_") and (inside := _first(part)) is not None:
        yield from readers(inside, indices)
    else:
        yield part, indices


def _first(part: Any) -> Any:
    """The fitted estimator inside this one that tells what it reads, or None."""
    if isinstance(part, Pipeline):
        return next((step for _, step in part.steps if not _tells_nothing(step)), None)
    # Histogram gradient boosting keeps the encoder of its categories there.
    preprocessor = getattr(part, "_preprocessor", None)
    return inner(part) if preprocessor is None else preprocessor


def _tells_nothing(step: Any) -> bool:
    return step in (None, "passthrough") or isinstance(step, FunctionTransformer)


def _feature_names(estimator: Any) -> tuple[str, ...]:
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(map(str, names))
    inside = _first(estimator)
    return () if inside is None else _feature_names(inside)


def _feature_count(estimator: Any) -> int:
    part = estimator
    while part is not None:
        if (count := getattr(part, "n_features_in_", None)) is not None:
            return int(count)
        if isinstance(part, DictVectorizer | FeatureHasher):
            raise LoadError(f"a {type(part).__name__} takes dictionaries, which no signature can describe")
        if get_tags(part).input_tags.one_d_array:
            return 1
        part = _first(part)
    raise LoadError(
        f"the {type(estimator).__name__} takes no table of rows: it does not say how many features it has (n_features_in_)"
    )


def _datatypes(part: Any, count: int) -> list[str]:
    """Of the columns that this one reads."""
    if isinstance(part, CountVectorizer | HashingVectorizer):
        return ["BYTES"] * count
    if isinstance(part, SimpleImputer) and np.asarray(part.statistics_).dtype == object:
        return ["BYTES"] * count
    categories = categories_of(part, count)
    return [datatype_of_values(values) for values in categories] if categories else ["FP64"] * count


def categories_of(part: Any, count: int) -> list[Array]:
    """The categories of an encoder's columns; nothing for other estimators."""
    categories = getattr(part, "categories_", None)
    return categories if isinstance(categories, list) and len(categories) == count else []


def datatype_of_values(values: Array) -> str:
    """The datatype that carries these categories, classes or answers."""
    match values.dtype.kind:
        case "b":
            return "BOOL"
        case "i" | "u":
            return "INT64"
        case "f":
            return "FP64"
        case "O":
            types = {type(value) for value in values.ravel().tolist() if not is_missing(value)}
            if types == {bool}:
                return "BOOL"
            return "INT64" if types == {int} else "FP64" if types and types <= {int, float} else "BYTES"
        case _:
            return "BYTES"


def is_missing(value: Any) -> bool:
    """Whether it is how a table says that there is nothing."""
    return value is None or value != value  # noqa: PLR0124 - only NaN differs from itself
