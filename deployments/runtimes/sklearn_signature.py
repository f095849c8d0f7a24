"""What a fitted estimator takes, as the inputs of a signature."""

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
from deployments.runtimes.sklearn_parts import inner
from deployments.tensors import FREE, Array, TensorSpec

WIDEST = ("BYTES", "FP64", "INT64", "BOOL")
"""Where two transformers read one column, the first of their datatypes here."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The table that an estimator reads."""

    names: tuple[str, ...]
    """Of all columns, as it was fitted; x0, x1, ... where it was fitted without names."""
    named: bool
    datatypes: tuple[str, ...]
    """Of each column; "" where nothing reads it."""


def reads_text(estimator: Any) -> bool:
    """Whether its rows are texts."""
    if isinstance(estimator, CountVectorizer | HashingVectorizer):
        return True
    if isinstance(estimator, FeatureUnion):
        return all(reads_text(part) for _, part in estimator.transformer_list)
    if isinstance(estimator, ColumnTransformer):
        return False
    inside = estimator.steps[0][1] if isinstance(estimator, Pipeline) else inner(estimator)
    return inside is not None and reads_text(inside)


def columns_of(estimator: Any) -> Columns:
    """The columns of a fitted estimator that reads a table. Raises LoadError."""
    names = _feature_names(estimator)
    count = len(names) or _feature_count(estimator)
    found = tuple(datatype or "" for datatype in _datatypes(estimator, count))
    return Columns(names or tuple(f"x{index}" for index in range(count)), bool(names), found)


def inputs_of(columns: Columns) -> tuple[TensorSpec, ...]:
    """One input for a table of plain numbers, else one for each column that is read."""
    if set(columns.datatypes) == {"FP64"}:
        names = columns.names if columns.named else ()
        return (TensorSpec("x", "FP64", (FREE, len(columns.datatypes)), names),)
    pairs = zip(columns.names, columns.datatypes, strict=True)
    return tuple(TensorSpec(name, datatype, (FREE,)) for name, datatype in pairs if datatype)


def _feature_names(estimator: Any) -> tuple[str, ...]:
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(map(str, names))
    inside = estimator.steps[0][1] if isinstance(estimator, Pipeline) else inner(estimator)
    return () if inside is None else _feature_names(inside)


def _feature_count(estimator: Any) -> int:
    part = estimator
    while part is not None:
        if (count := getattr(part, "n_features_in_", None)) is not None:
            return int(count)
        if isinstance(part, DictVectorizer | FeatureHasher):
            raise LoadError(f"a {type(part).__name__} takes dictionaries, which no signature can describe")
        if not isinstance(part, str) and get_tags(part).input_tags.one_d_array:
            return 1
        part = part.steps[0][1] if isinstance(part, Pipeline) else inner(part)
    raise LoadError(f"the {type(estimator).__name__} does not say how many features it takes (n_features_in_)")


def _datatypes(part: Any, count: int) -> list[str | None]:
    """Of each of the part's columns; None where it does not read or does not tell."""
    match part:
        case Pipeline():
            told = (_datatypes(step, count) for _, step in part.steps if not _transparent(step))
            return next(told, ["FP64"] * count)
        case ColumnTransformer():
            return _of_column_transformer(part, count)
        case FeatureUnion():
            return _merged([_datatypes(step, count) for _, step in part.transformer_list if step != "drop"], count)
        case CountVectorizer() | HashingVectorizer():
            return ["BYTES"]
        case SimpleImputer():
            return ["BYTES" if np.asarray(part.statistics_).dtype == object else "FP64"] * count
    if isinstance(categories := getattr(part, "categories_", None), list) and len(categories) == count:
        return [datatype_of_values(values) for values in categories]
    if (preprocessor := getattr(part, "_preprocessor", None)) is not None:
        return _datatypes(preprocessor, count)
    inside = inner(part)
    return ["FP64"] * count if inside is None else _datatypes(inside, count)


def _transparent(step: Any) -> bool:
    """Whether the step tells nothing about the columns, so that the one after it must."""
    return step in (None, "passthrough") or isinstance(step, FunctionTransformer)


def _of_column_transformer(part: ColumnTransformer, count: int) -> list[str | None]:
    found = []
    for name, transformer, _ in part.transformers_:
        # Private, but the only place where names, slices, masks and callables have all become indices.
        indices = part._transformer_to_input_indices.get(name, [])
        if isinstance(transformer, str) and transformer == "drop":
            continue
        told = ["FP64"] * len(indices) if isinstance(transformer, str) else _datatypes(transformer, len(indices))
        mine: list[str | None] = [None] * count
        for index, datatype in zip(indices, told, strict=True):
            mine[index] = datatype
        found.append(mine)
    return _merged(found, count)


def _merged(found: list[list[str | None]], count: int) -> list[str | None]:
    columns = [{datatypes[index] for datatypes in found} for index in range(count)]
    return [next((datatype for datatype in WIDEST if datatype in column), None) for column in columns]


def datatype_of_values(values: Array) -> str:
    """The datatype that carries these categories or classes."""
    match values.dtype.kind:
        case "b":
            return "BOOL"
        case "i" | "u":
            return "INT64"
        case "f":
            return "FP64"
        case "O":
            known = [value for value in values.tolist() if value is not None and value == value]  # noqa: PLR0124 - NaN
            types = {type(value) for value in known}
            if types == {bool}:
                return "BOOL"
            return "INT64" if types == {int} else "FP64" if types and types <= {int, float} else "BYTES"
        case _:
            return "BYTES"
