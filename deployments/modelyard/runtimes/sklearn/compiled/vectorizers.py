"""Text vectorizers: words and n-grams, counts, hashing, TF-IDF, and unions of them, without checks between the steps."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from sklearn.feature_extraction._hashing_fast import transform as hashed  # what FeatureHasher calls
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion
from sklearn.utils.sparsefuncs_fast import inplace_csr_row_normalize_l1, inplace_csr_row_normalize_l2

from modelyard.runtimes.sklearn.compiled.analyzers import analyzer
from modelyard.runtimes.sklearn.compiled.counts import counts_of
from modelyard.runtimes.sklearn.compiled.head import NotCompiledError
from modelyard.runtimes.sklearn.compiled.kernels import sum_duplicates
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows, Vectorize, side_by_side
from modelyard.runtimes.sklearn.parts import steps
from modelyard.tensors import Array

_NORMALIZE = {"l1": inplace_csr_row_normalize_l1, "l2": inplace_csr_row_normalize_l2}
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def leading(estimators: Sequence[Any]) -> tuple[Vectorize, int] | None:
    """A function that equals the first steps of a pipeline on texts: a vectorizer or a union of them, and the TfidfTransformers
    after it. The number is how many steps these are. None if the first step is not one.

    Raises NotCompiledError for options that are not supported.
    """
    first = _union(estimators[0]) if type(estimators[0]) is FeatureUnion else vectorizer(estimators[0])
    if first is None:
        return None
    weights = [tfidf(step) for step in takewhile(lambda step: type(step) is TfidfTransformer, estimators[1:])]

    def transform(texts: Array) -> SparseRows:
        rows = first(texts)
        for weigh in weights:
            rows = weigh(rows)
        return rows

    return transform if weights else first, 1 + len(weights)


def vectorizer(step: Any) -> Vectorize | None:
    """A function from an array of texts that equals `transform` of this fitted vectorizer; None if it is not one.

    Raises NotCompiledError for options that are not supported.
    """
    kind = type(step)
    if kind not in (CountVectorizer, TfidfVectorizer, HashingVectorizer):
        return None
    if step.input != "content":
        raise NotCompiledError(f"it reads a {step.input}, not a text")
    if kind is HashingVectorizer:
        return _texts_only(step, _hashing(step))
    counts = _counts(step)
    if kind is CountVectorizer:
        return _texts_only(step, counts)
    weigh = tfidf(step._tfidf)
    return _texts_only(step, lambda texts: weigh(counts(texts)))


def tfidf(step: Any) -> Callable[[SparseRows], SparseRows]:
    """A function that equals `transform` of this fitted TfidfTransformer, but changes the rows that it gets in place."""
    idf = getattr(step, "idf_", None)
    normalize = _NORMALIZE.get(step.norm)
    if step.norm is not None and normalize is None:
        raise NotCompiledError(f"norm={step.norm!r} is not supported")

    def weigh(rows: SparseRows) -> SparseRows:
        if rows.data.dtype not in _FLOATS:
            rows.data = rows.data.astype(np.float64)
        if step.sublinear_tf:
            np.log(rows.data, rows.data)
            rows.data += 1.0
        if idf is not None:
            rows.data *= idf[rows.indices]
        if normalize is not None:
            normalize(rows)
        return rows

    return weigh


def _texts_only(step: Any, function: Vectorize) -> Vectorize:
    """The function, but anything that is not a text goes to the vectorizer itself, which rejects it."""

    def checked(texts: Array) -> SparseRows:
        values = texts.tolist()
        return function(values) if set(map(type, values)) <= {str} else SparseRows.of(step.transform(texts))

    return checked


def _counts(step: Any) -> Callable[[Sequence[str]], SparseRows]:
    counts = counts_of(step)

    def count(texts: Sequence[str]) -> SparseRows:
        rows = counts(texts)
        rows.data = rows.data.astype(step.dtype)
        if step.binary:
            rows.data.fill(1)
        return rows

    return count


def _hashing(step: Any) -> Vectorize:
    analyze, width, dtype, signs = analyzer(step), step.n_features, step.dtype, step.alternate_sign
    normalize = _NORMALIZE.get(step.norm)
    if step.norm is not None and normalize is None:
        raise NotCompiledError(f"norm={step.norm!r} is not supported")

    def hash_(texts: list[str]) -> SparseRows:
        terms = (Counter(analyze(text)).items() for text in texts)
        indices, indptr, data = hashed(terms, width, dtype, signs, seed=0)
        rows = SparseRows(indptr, indices, data, width)
        sum_duplicates(rows)
        if step.binary:
            rows.data.fill(1)
        if normalize is not None:
            normalize(rows)
        return rows

    return hash_


def _union(union: Any) -> Vectorize | None:
    """Of vectorizers alone."""
    blocks: list[tuple[Vectorize, float | None]] = []
    for name, part in union.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        inside = [] if isinstance(part, str) else steps(part)
        found = leading(inside) if inside else None
        if found is None or found[1] != len(inside):
            return None
        blocks.append((found[0], (union.transformer_weights or {}).get(name)))

    def weighted(texts: Array) -> Iterator[SparseRows]:
        for function, weight in blocks:
            rows = function(texts)
            if weight is not None:
                rows.data = rows.data * weight
            yield rows

    return lambda texts: side_by_side([*weighted(texts)])
