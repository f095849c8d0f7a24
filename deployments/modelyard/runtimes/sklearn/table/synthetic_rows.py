"""Synthetic rows for a table, from what the model stores of its fit: two for an example, and many for parity checks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from modelyard.runtimes.sklearn.parts import parts
from modelyard.runtimes.sklearn.table.ranges import Range
from modelyard.runtimes.sklearn.table.table import FLOATS, NOT_MISSING, Column, Table
from modelyard.tensors import DTYPES, Array, Tensors

DEFAULT_RANGE: Range = (1.0, 2.0)
"""For a column without a known range. Not 0 and 1, because the first step is often a logarithm or a power."""
WORDS = 3
"""How many words of the vocabulary are in each text."""
DATES = ("2024-02-29", "1999-12-31T23:59:58")
UNKNOWN_TEXT = "no such category \N{SNOWMAN}"
MIXED_ROWS = 64
SINGLE_COLUMN_ROWS = 96
"""Rows that differ from a typical row in one column."""
MAX_CATEGORIES = 64
"""How many categories of each column are used."""
SCALES = (1e-3, 0.1, 1.0, 3.0, 100.0, 1e6)
"""Multiples of a column's range, around its centre."""

Values = Mapping[str, Sequence[Any]]
"""Python values by column; None for a missing value."""


def tensors(table: Table, values: Values) -> Tensors:
    """The values as a request's tensors."""
    if table.is_plain:
        dtype = DTYPES[table.columns[0].datatype]
        return {"x": np.array([values[name] for name in table.names], dtype).T.copy()}
    return {column.name: _array(column, values[column.name]) for column in table.read}


def _array(column: Column, values: Sequence[Any]) -> Array:
    if column.datatype in FLOATS:
        return np.array([np.nan if value is None else value for value in values], DTYPES[column.datatype])
    if column.wire == "BYTES" or any(value is None for value in values):
        found = np.empty(len(values), object)
        found[:] = [value if value is None or column.wire != "BYTES" else str(value) for value in values]
        return found
    return np.array(values, DTYPES[column.datatype])


def examples(table: Table, ranges: Sequence[Range | None]) -> list[Values]:
    """Pairs of rows, in the order in which they are tried until the model accepts one."""
    known = {column.name: _pair(column, range_) for column, range_ in zip(table.columns, ranges, strict=True)}
    plain = {column.name: _pair(column, None) for column in table.columns}
    likeliest = {name: (pair[0], pair[0]) for name, pair in known.items()}
    return [known, plain, likeliest]


def _pair(column: Column, range_: Range | None) -> tuple[Any, Any]:
    if column.categories:
        return column.categories[0], column.categories[-1]
    match column.datatype:
        case "BYTES":
            return "a", "b"
        case "DATETIME":
            return DATES
        case "BOOL":
            return True, False
        case "INT64":
            return (int(range_[0]), int(range_[1]) + 1) if range_ else (1, 2)
        case _:
            return range_ or DEFAULT_RANGE


def parity_rows(table: Table, ranges: Sequence[Range | None], base: Values, seed: int = 0) -> list[Values]:
    """Sets of rows for which a fast path must return what the model returns: like those of the fit, far outside the ranges, with
    unknown categories, and with missing values.

    `base` is an example that the model accepts.
    """
    random = np.random.default_rng(seed)
    columns = {column.name: (column, range_) for column, range_ in zip(table.columns, ranges, strict=True)}
    near = {name: [_near(*columns[name], random) for _ in range(MIXED_ROWS)] for name in columns}
    far = {name: [_far(*columns[name], random) for _ in range(MIXED_ROWS)] for name in columns}
    sets: list[Values] = [near, far, _one_column_changed(table, columns, base, random)]
    sets += [
        {name: edge if name == column.name else [values[0]] * len(edge) for name, values in base.items()}
        for column in table.read
        if (edge := _edge_values(column))
    ]
    return sets


def _one_column_changed(
    table: Table, columns: Mapping[str, tuple[Column, Range | None]], base: Values, random: np.random.Generator
) -> Values:
    """Rows that equal the first of `base` in all columns but one. They include every known category."""
    names, values = [], []
    each = max(1, SINGLE_COLUMN_ROWS // len(table.read))
    for column in table.read:
        _, range_ = columns[column.name]
        if column.categories:
            chosen = list(column.categories[:MAX_CATEGORIES])
        else:
            chosen = [(_near if turn % 2 else _far)(column, range_, random) for turn in range(each)]
        names += [column.name] * len(chosen)
        values += chosen
    return {
        name: [value if changed == name else first[0] for changed, value in zip(names, values, strict=True)]
        for name, first in base.items()
    }


def _near(column: Column, range_: Range | None, random: np.random.Generator) -> Any:
    """A value inside the range of the fit, or near it."""
    if column.categories:
        return column.categories[random.integers(len(column.categories))]
    low, high = range_ or DEFAULT_RANGE
    match column.datatype:
        case "BYTES":
            return f"{'abcdefgh'[random.integers(8)]}{random.integers(100)}"
        case "DATETIME":
            return str(np.datetime64("2000-01-01") + int(random.integers(20_000)))
        case "BOOL":
            return bool(random.integers(2))
        case "INT64":
            return int(random.integers(int(low) - 2, int(high) + 3))
        case _:
            return float(random.uniform(low - 0.2 * (high - low), high + 0.2 * (high - low)))


def _far(column: Column, range_: Range | None, random: np.random.Generator) -> Any:
    """A number far outside the range of the fit, or zero; for other columns, a value of `_near`."""
    low, high = range_ or DEFAULT_RANGE
    scale = SCALES[random.integers(len(SCALES))] * (high - low)
    if column.categories or column.datatype not in ("INT64", *FLOATS):
        return _near(column, range_, random)
    value = 0.0 if random.random() < 0.1 else (low + high) / 2 + float(random.normal()) * scale
    if column.datatype == "INT64":
        return int(np.clip(value, -(2**53), 2**53))
    return value


def _edge_values(column: Column) -> list[Any]:
    """Values that many models reject: unknown categories, missing values, infinity."""
    values: list[Any] = []
    if column.datatype in FLOATS:
        values += [None, float("inf"), -1e300]
    if column.missing is not NOT_MISSING and column.datatype not in FLOATS:
        values.append(None)
    if column.datatype == "BYTES" and column.categories:
        values += [UNKNOWN_TEXT, ""]
    if column.datatype == "INT64" and column.categories:
        values.append(max(column.categories) + 17)
    return values


def texts(estimator: Any) -> list[str]:
    """Texts for a model that reads only text, with words of the vocabulary if there is one. The first two are an example."""
    vectorizers = (part for part in parts(estimator) if isinstance(part, CountVectorizer))
    made = next(filter(None, map(phrases, vectorizers)), ("some text", "some other text"))
    first, second = made[0], made[len(made) // 2]
    second = second if second != first else f"{first} {first}"
    return [first, second, *made, "", " ", "ÄÖÜ ß 数学", f"{first} {second} " * 50]


def phrases(vectorizer: Any) -> tuple[str, ...]:
    """Texts of words that a vectorizer knows, or of parts of words if its vocabulary has those."""
    words = sorted(getattr(vectorizer, "vocabulary_", ()))
    starts = range(0, len(words), max(1, len(words) // MAX_CATEGORIES))
    return tuple(" ".join(words[start : start + WORDS]) for start in starts)
