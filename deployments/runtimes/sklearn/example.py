"""Two different rows that a fitted estimator takes, as good as can be told from what it was fitted with. Pure."""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from deployments.runtimes.sklearn.parts import parts
from deployments.runtimes.sklearn.signature import Columns, categories_of, is_missing, readers
from deployments.tensors import DTYPES, Array, Tensors

WORDS = 3
"""Of the vocabulary, in each text."""
PLAIN = (1.0, 2.0)
"""Where nothing is known of a column. Not 0 and 1: logarithms and powers are often in front."""

Pair = tuple[Any, Any]


def examples_of(estimator: Any, columns: Columns | None) -> list[Tensors]:
    """Two rows, and others to be tried where the estimator fails on those. None stands for texts."""
    if columns is None:
        return [{"text": np.array(_texts(estimator), dtype=object)}]
    fitted: list[Pair] = [PLAIN] * len(columns.names)
    for part, indices in readers(estimator, range(len(columns.names))):
        for index, pair in zip(indices, _pairs(part, len(indices)), strict=True):
            fitted[index] = pair
    plain = [PLAIN if isinstance(pair[0], float) else pair for pair in fitted]
    return [_tensors(columns, pairs) for pairs in (fitted, plain)]


def _tensors(columns: Columns, pairs: list[Pair]) -> Tensors:
    if columns.numbers:
        return {"x": np.array(pairs, dtype=np.float64).T.copy()}
    triples = zip(columns.names, columns.datatypes, pairs, strict=True)
    return {name: _column(datatype, pair) for name, datatype, pair in triples if datatype}


def _column(datatype: str, pair: Pair) -> Array:
    values = [str(value) for value in pair] if datatype == "BYTES" else list(pair)
    return np.array(values, dtype=DTYPES[datatype])


def _pairs(part: Any, count: int) -> list[Pair]:
    """Two values for each of the columns that this estimator reads."""
    if categories := categories_of(part, count):
        return [_two([value for value in values.tolist() if not is_missing(value)]) for values in categories]
    if isinstance(part, CountVectorizer):
        return [_texts(part)] * count
    centre, width = _numbers(part, "mean_", count), _numbers(part, "scale_", count)
    if centre is not None and width is not None:
        return list(zip((centre - width).tolist(), (centre + width).tolist(), strict=True))
    filled = np.asarray(getattr(part, "statistics_", ()))
    if filled.shape == (count,):  # of a SimpleImputer
        return [(value, value if isinstance(value, str) else value + 1) for value in filled.tolist()]
    return [PLAIN] * count


def _numbers(part: Any, name: str, count: int) -> Array | None:
    found = np.asarray(getattr(part, name, ()))
    return found if found.shape == (count,) and found.dtype == np.float64 else None


def _two(values: list[Any]) -> Pair:
    return (values[0], values[-1]) if values else PLAIN


def _texts(estimator: Any) -> tuple[str, str]:
    """Words of the vocabulary; where it is made of pieces of words, they do as well."""
    for part in parts(estimator):
        if isinstance(part, CountVectorizer) and getattr(part, "vocabulary_", None):
            words = sorted(part.vocabulary_)
            middle = len(words) // 2
            first, second = (" ".join(words[start : start + WORDS]) for start in (0, middle))
            return first, second if second != first else f"{first} {first}"
    return "some text", "some other text"
