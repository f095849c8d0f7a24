"""Encoders of text columns: one dictionary for each column, without the checks that scikit-learn adds to every call."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from modelyard.runtimes.sklearn.compiled.head import NotCompiledError
from modelyard.tensors import Array

Encode = Callable[[Array], Array]
"""From a table of Python objects to one of FP64 numbers."""

ODD_VALUES = ("", " ", "\0", "unknown to the encoder", None, np.nan, 0, 1.5, True, b"bytes", np.str_("text"))
"""Values that an encoder rejects or treats in its own way."""
MAX_VARIED = 10
"""Categories of a column whose variants are compared."""


def compiled(encoder: Any, *, dense: bool) -> Encode | None:
    """A function that equals `transform` of a fitted encoder for tables of objects; None for other estimators. With `dense`, it may
    return an array in place of a sparse matrix.

    Raises NotCompiledError for options that are not supported.
    """
    if type(encoder) is OneHotEncoder:
        return _one_hot(encoder) if dense or not encoder.sparse_output else None
    return _ordinal(encoder) if type(encoder) is OrdinalEncoder else None


def own(encoder: Any) -> Encode:
    """`transform` of the encoder itself, as an array."""

    def transform(rows: Array) -> Array:
        found = encoder.transform(rows)
        array: Array = found.toarray() if hasattr(found, "toarray") else found
        return array

    return transform


def _one_hot(encoder: OneHotEncoder) -> Encode:
    if encoder.drop is not None or encoder.handle_unknown not in ("ignore", "error"):
        raise NotCompiledError("its options for dropped or unknown categories are not supported")
    sizes = [len(categories) for categories in encoder.categories_]
    starts = [0, *accumulate(sizes)]
    places = _numbered(encoder, starts)
    width, ignores, safe = starts[-1], encoder.handle_unknown == "ignore", own(encoder)

    def encode(rows: Array) -> Array:
        found: list[int] = []
        row_start = 0
        for row in rows.tolist():
            for known, value in zip(places, row, strict=True):
                place = known.get(value) if type(value) is str else None
                if place is not None:
                    found.append(row_start + place)
                elif not ignores or type(value) is not str:
                    return safe(rows)
            row_start += width
        flat = np.zeros(len(rows) * width)
        flat[found] = 1.0
        return flat.reshape(len(rows), width)

    return encode


def _ordinal(encoder: OrdinalEncoder) -> Encode:
    numbers = _numbered(encoder, [0] * len(encoder.categories_))
    unknown = encoder.unknown_value if encoder.handle_unknown == "use_encoded_value" else None
    safe = own(encoder)

    def encode(rows: Array) -> Array:
        found: list[float] = []
        for row in rows.tolist():
            for known, value in zip(numbers, row, strict=True):
                number = known.get(value, unknown) if type(value) is str else None
                if number is None:
                    return safe(rows)
                found.append(number)
        return np.array(found, np.float64).reshape(len(rows), len(numbers))

    return encode


def _numbered(encoder: Any, starts: Sequence[int]) -> list[dict[str, int]]:
    """For each column, the number of each category, from `starts` on. Raises NotCompiledError if a category is not a text."""
    if encoder.dtype != np.float64 or encoder.min_frequency is not None or encoder.max_categories is not None:
        raise NotCompiledError("its options for the result's type or infrequent categories are not supported")
    tables = []
    for categories, start in zip(encoder.categories_, starts, strict=False):
        # Texts of a fixed length lose their trailing NUL characters in scikit-learn, and so may equal others.
        if categories.dtype != object or any(type(category) is not str for category in categories):
            raise NotCompiledError("not all of its categories are texts")
        tables.append({category: number for number, category in enumerate(categories.tolist(), start)})
    return tables


def odd_rows(encoder: Any) -> Array:
    """Rows with one value that the encoder may reject, or that is nearly a category, beside usual ones."""
    usual = [categories[0] for categories in encoder.categories_]
    rows = []
    for column, categories in enumerate(encoder.categories_):
        for value in (*ODD_VALUES, *_variants(categories[:MAX_VARIED])):
            row = np.array(usual, object)
            row[column] = value
            rows.append(row)
    return np.array(rows, object)


def usual_rows(encoder: Any) -> Array:
    """Rows in which each column has each of its categories."""
    count = max(map(len, encoder.categories_))
    return np.stack([np.resize(categories, count) for categories in encoder.categories_], axis=1)


def _variants(categories: Array) -> Iterator[str]:
    for category in categories:
        yield from (f"{category} ", f"{category}\0", category.swapcase())
