"""A request's tensors to what an estimator takes as X."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deployments.errors import BadValue, InvalidRequest
from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn.signature import Columns
from deployments.tensors import Array, Tensors

Read = Callable[[Tensors], Any]


def arrays(columns: Columns | None) -> Read:
    """How the inputs become an array; None stands for texts."""
    if columns is None:
        return lambda inputs: as_text("text", inputs["text"])
    if columns.numbers:
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
        if columns.numbers:
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
