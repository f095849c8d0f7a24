"""A request's tensors to what an estimator takes as X, and the example that a fitted estimator suggests."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline

from deployments.errors import BadValue, InvalidRequest
from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn_parts import inner, parts
from deployments.runtimes.sklearn_signature import Columns
from deployments.tensors import DTYPES, Array, Tensors

Read = Callable[[Tensors], Any]
WORDS = 3
"""Of the vocabulary, in each text of an example."""


def arrays(columns: Columns | None) -> Read:
    """How the inputs become an array; None stands for texts."""
    if columns is None:
        return lambda inputs: as_text("text", inputs["text"])
    if set(columns.datatypes) == {"FP64"}:
        return lambda inputs: inputs["x"]
    dtype = np.dtype(object if "BYTES" in columns.datatypes else np.float64)
    return lambda inputs: _table(columns, inputs, dtype)


def frames(columns: Columns) -> Read:
    """How the inputs become a data frame. Raises LoadError where pandas is missing."""
    try:
        import pandas as pd  # noqa: PLC0415 - a big library that few models need
    except ModuleNotFoundError:
        raise LoadError(
            "the model holds code that was fitted with a pandas data frame, and pandas is not installed: install it, or "
            "fit the model with arrays"
        ) from None

    def framed(inputs: Tensors) -> Any:
        if "x" in inputs and set(columns.datatypes) == {"FP64"}:
            return pd.DataFrame(inputs["x"], columns=columns.names)
        rows = len(next(iter(inputs.values())))
        return pd.DataFrame(
            {
                name: (as_text(name, inputs[name]) if datatype == "BYTES" else inputs[name])
                if datatype
                else np.zeros(rows)
                for name, datatype in zip(columns.names, columns.datatypes, strict=True)
            }
        )

    return framed


def _table(columns: Columns, inputs: Tensors, dtype: np.dtype[Any]) -> Array:
    """All columns side by side. Those that nothing reads are zeros, as the others must keep their places."""
    rows = len(next(iter(inputs.values())))
    table = np.zeros((rows, len(columns.names)), dtype)
    for index, (name, datatype) in enumerate(zip(columns.names, columns.datatypes, strict=True)):
        if datatype:
            table[:, index] = as_text(name, inputs[name]) if datatype == "BYTES" else inputs[name]
    return table


def as_text(name: str, array: Array) -> Array:
    """The same with every value a `str`. Raises InvalidRequest for bytes that are no UTF-8."""
    if bytes not in set(map(type, array.tolist())):
        return array
    texts = np.empty(array.shape, object)
    for row, value in enumerate(array.tolist()):
        try:
            texts[row] = value.decode() if isinstance(value, bytes) else value
        except UnicodeDecodeError:
            raise InvalidRequest.at([BadValue("", f"row {row} of input {name!r} is not UTF-8")]) from None
    return texts


def explain_not_finite(inputs: Tensors) -> InvalidRequest | None:
    """The error for numbers that are not finite, if any of the inputs holds one."""
    bad = []
    for name, array in inputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row, *column = np.argwhere(~np.isfinite(array))[0].tolist()
            where = f"row {row}" + (f", column {column[0]}" if column else "")
            bad.append(
                BadValue(
                    "", f"input {name!r} holds {array[row, *column]} ({where}), and the model takes finite numbers only"
                )
            )
    return InvalidRequest.at(bad) if bad else None


def example_of(estimator: Any, columns: Columns | None) -> Tensors:
    """Two different rows that the estimator takes, as good as can be told from what it was fitted with."""
    if columns is None:
        return {"text": _objects(_texts(estimator))}
    values = [list(pair) for pair in _pairs(estimator, len(columns.names))]
    if set(columns.datatypes) == {"FP64"}:
        return {"x": np.array(values, dtype=np.float64).T}
    return {
        name: _objects([str(value) for value in pair])
        if datatype == "BYTES"
        else np.array(pair).astype(DTYPES[datatype])
        for name, datatype, pair in zip(columns.names, columns.datatypes, values, strict=True)
        if datatype
    }


def _pairs(part: Any, count: int) -> list[tuple[Any, Any]]:
    """Two values for each column."""
    if isinstance(part, Pipeline):
        return next((_pairs(step, count) for _, step in part.steps if step not in (None, "passthrough")), _plain(count))
    if isinstance(part, ColumnTransformer):
        return _pairs_of_column_transformer(part, count)
    categories = getattr(part, "categories_", None)
    if isinstance(categories, list) and len(categories) == count:
        return [(values[0], values[-1]) for values in categories]
    if isinstance(part, CountVectorizer):
        return [_texts(part)]
    mean, scale = (np.asarray(getattr(part, name, 0.0)) for name in ("mean_", "scale_"))
    if mean.shape == scale.shape == (count,) and mean.dtype == scale.dtype == np.float64:
        return list(zip((mean - scale).tolist(), (mean + scale).tolist(), strict=True))
    filled = np.asarray(getattr(part, "statistics_", 0.0))
    if filled.shape == (count,):
        return [(value, value if isinstance(value, str) else value + 1) for value in filled.tolist()]
    inside = inner(part)
    return _plain(count) if inside is None else _pairs(inside, count)


def _plain(count: int) -> list[tuple[Any, Any]]:
    return [(0.0, 1.0)] * count


def _pairs_of_column_transformer(part: ColumnTransformer, count: int) -> list[tuple[Any, Any]]:
    pairs = _plain(count)
    for name, transformer, _ in part.transformers_:
        if not isinstance(transformer, str):
            indices = part._transformer_to_input_indices[name]
            for index, pair in zip(indices, _pairs(transformer, len(indices)), strict=True):
                pairs[index] = pair
    return pairs


def _texts(estimator: Any) -> tuple[str, str]:
    """Words of the vocabulary; where it is made of pieces of words they do as well."""
    for part in parts(estimator):
        if isinstance(part, CountVectorizer) and getattr(part, "vocabulary_", None):
            words = sorted(part.vocabulary_)
            middle = len(words) // 2
            first, second = (" ".join(words[start : start + WORDS]) for start in (0, middle))
            return first, second if second != first else f"{first} {first}"
    return "some text", "some other text"


def _objects(values: Any) -> Array:
    array = np.empty(len(values), object)
    array[:] = list(values)
    return array
