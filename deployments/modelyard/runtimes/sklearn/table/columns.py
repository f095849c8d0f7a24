"""The table of a fitted estimator, as far as the estimator itself declares its columns."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import FunctionTransformer

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.parts import effective, inside, is_known, steps
from modelyard.runtimes.sklearn.table import boosters
from modelyard.runtimes.sklearn.table.readers import Reader, feature_count, feature_names, readers
from modelyard.runtimes.sklearn.table.synthetic_rows import phrases
from modelyard.runtimes.sklearn.table.table import FLOATS, NOT_MISSING, UNKNOWN, Column, Table
from modelyard.tensors import Array

DATATYPE_ORDER = (UNKNOWN, "BOOL", "INT64", "FP64", "FP32", "BYTES")
"""If two estimators read one column, the later of their datatypes in this order applies: it holds the values of both. An estimator
with single precision was fitted with it; double precision is also the default of one that declares nothing."""
NAN = float("nan")
SINGLE = {np.dtype(np.float32)}


def table_of(estimator: Any, names: Sequence[str] = (), width: int = 0) -> Table:
    """The columns of a fitted estimator that reads a table. Columns that only code outside scikit-learn reads have the datatype
    UNKNOWN.

    For a model that does not declare its columns, the operator can: `names` are their names, or `width` is their number if they
    have no names. Raises LoadError.
    """
    found = feature_names(estimator)
    count = len(found) or feature_count(estimator) or 0
    if not count:
        found = tuple(names)
        count = len(found) or width
    if not count:
        raise LoadError(
            f"the {type(estimator).__name__} does not declare its columns: name them in `inputs` in the model's YAML, or put a "
            "request that works into example.json next to it"
        )
    labels = found or tuple(f"x{index}" for index in range(count))
    columns = [Column(name, is_read=False) for name in labels]
    single = _last_fitted_precision(estimator) == SINGLE
    for reader in readers(estimator, labels):
        # A chain of classifiers passes earlier labels on as additional columns.
        own = [index for index in reader.indices if index < count]
        for index, column in zip(
            own, columns_of(reader, [labels[index] for index in own], single=single), strict=False
        ):
            columns[index] = _merged(columns[index], column)
    if not any(column.is_read for column in columns):
        raise LoadError(f"the {type(estimator).__name__} reads none of its columns, so it cannot serve requests")
    return Table(tuple(columns if found else with_one_precision(columns)), bool(found))


def columns_of(reader: Reader, names: Sequence[str], *, single: bool = False) -> list[Column]:
    """The columns that one estimator reads, as it declares them.

    `single`: the later steps were fitted with single precision, so this one was too, unless its own attributes are double.
    """
    part = reader.part
    if isinstance(part, str):  # PASSTHROUGH: the next reader of the column decides
        return [Column(name, "FP64" if _reads_numbers(reader.after) else UNKNOWN) for name in names]
    if (found := boosters.columns(part, names)) is not None:
        return found
    if (categories := categories_of(part, len(names))) is not None:
        return [
            replace(_of_categories(name, values), is_category=reader.of_dtype)
            for name, values in zip(names, categories, strict=True)
        ]
    if isinstance(part, CountVectorizer | HashingVectorizer):
        return [Column(name, "BYTES", categories=phrases(part)) for name in names]
    if isinstance(part, SimpleImputer):
        return [_filled(name, part, index) for index, name in enumerate(names)]
    if not is_known(part, ("sklearn", "imblearn")) or _is_code(part) or isinstance(part, MissingIndicator):
        return [Column(name) for name in names]
    precision = _fitted_precision(part)
    datatype = "FP32" if precision == SINGLE or (single and not precision) else "FP64"
    return [Column(name, datatype) for name in names]


def _reads_numbers(estimator: Any) -> bool:
    """Whether it reads only numbers."""
    count = feature_count(estimator) if is_known(estimator) else None
    if not count:
        return False
    names = [f"x{index}" for index in range(count)]
    read_by = list(readers(estimator, names))
    columns = [column for reader in read_by for column in columns_of(reader, names[: len(reader.indices)])]
    return all(column.datatype in FLOATS and not column.is_category for column in columns)


def _is_code(part: Any) -> bool:
    return isinstance(part, FunctionTransformer) and not isinstance(part.func, np.ufunc | None) and not _checks(part)


def _checks(part: FunctionTransformer) -> bool:
    """Whether it is the input check of histogram gradient boosting."""
    return getattr(getattr(part.func, "func", None), "__module__", "").startswith("sklearn.")


def _merged(some: Column, other: Column) -> Column:
    """The column that two estimators read, merged from both declarations."""
    if not some.is_read:
        return other
    weaker, stronger = sorted((some, other), key=lambda column: DATATYPE_ORDER.index(column.datatype))
    categories = stronger.categories
    if weaker.datatype == stronger.datatype:  # each member of an ensemble may have seen some of them
        categories = tuple(dict.fromkeys((*categories, *weaker.categories)))
    return replace(
        stronger,
        categories=categories,
        missing=weaker.missing if stronger.missing is NOT_MISSING else stronger.missing,
        is_object=some.is_object or other.is_object,
        is_category=some.is_category or other.is_category,
    )


def _of_categories(name: str, values: Array) -> Column:
    known = [value for value in values.tolist() if not is_missing(value)]
    absent = [value for value in values.tolist() if is_missing(value)]
    missing = absent[0] if absent else NOT_MISSING
    is_object = values.dtype.kind == "O"
    return Column(name, datatype_of_values(values), categories=tuple(known), missing=missing, is_object=is_object)


def _filled(name: str, imputer: SimpleImputer, index: int) -> Column:
    """A column whose missing values an imputer fills."""
    missing = None if imputer.missing_values is None else NAN
    value = np.asarray(imputer.statistics_)[index] if len(imputer.statistics_) > index else NAN
    dtype = np.dtype(getattr(imputer, "_fit_dtype", np.asarray(imputer.statistics_).dtype))
    if dtype.kind != "O":
        return Column(name, "FP32" if dtype == np.float32 else "FP64", missing=missing)
    if is_missing(value) or imputer.strategy == "constant":  # which says nothing about the other values
        return Column(name, missing=missing, is_object=True)
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    return Column(name, kinds.get(type(value), "BYTES"), categories=(value,), missing=missing, is_object=True)


def categories_of(part: Any, count: int) -> list[Array] | None:
    """The categories of an encoder's columns; None for other estimators."""
    categories = getattr(part, "categories_", None)
    return categories if isinstance(categories, list) and len(categories) == count else None


def datatype_of_values(values: Array) -> str:
    """The datatype that holds these categories, classes or outputs."""
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
    """Whether it is a missing value: None, NaN, pandas' NA or NaT."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def _fitted_precision(part: Any) -> set[np.dtype[Any]]:
    """The float dtypes of its fitted attributes. SINGLE if it was fitted with float32. Empty for trees: they always use float32."""
    if not isinstance(part, BaseEstimator) or hasattr(part, "tree_"):
        return set()
    fitted = [value for name, value in vars(part).items() if name.endswith("_") or name == "_fit_X"]
    return {value.dtype for value in fitted if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim}


def _last_fitted_precision(estimator: Any) -> set[np.dtype[Any]]:
    """The same for its last step; for an ensemble, of all its members."""
    last = steps(effective(estimator))[-1]
    if members := inside(last):
        return set().union(*map(_last_fitted_precision, members))
    return _fitted_precision(last)


def with_one_precision(columns: Sequence[Column]) -> list[Column]:
    """The columns with one precision, as an array of numbers has one; columns of a data frame may have both."""
    if {column.datatype for column in columns} != set(FLOATS):
        return list(columns)
    return [replace(column, datatype="FP32") for column in columns]
