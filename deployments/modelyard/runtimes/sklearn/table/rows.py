"""Converts a request's tensors to an estimator's X: a data frame, an array or a list of texts."""

from collections.abc import Callable
from typing import Any

import numpy as np

from modelyard.errors import BadValue, InvalidRequest
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.table.table import DATETIME, NOT_MISSING, Column, Table
from modelyard.tensors import Array, Tensors

Read = Callable[[Tensors], Any]


def arrays(table: Table | None) -> Read:
    """The function from inputs to an array. A table of None means texts."""
    if table is None:
        return lambda inputs: as_text("text", inputs["text"])
    if table.is_plain:
        return lambda inputs: inputs["x"]
    if table.holds_objects:
        dtype = np.dtype(object)
    else:
        dtype = np.dtype(np.float32 if table.is_uniform and table.read[0].datatype == "FP32" else np.float64)
    return lambda inputs: _array(table, inputs, dtype)


def frames(table: Table, *, numbered: bool = False) -> Read:
    """The function from inputs to a data frame. With `numbered`, its columns are 0, 1, .... Raises LoadError without pandas."""
    try:
        import pandas as pd  # noqa: PLC0415 - a large library that only some models need
    except ModuleNotFoundError:
        raise LoadError(
            "the model was fitted with a pandas data frame, and pandas is not installed: install it, or fit the model with arrays"
        ) from None
    names = [*range(len(table.columns))] if numbered else [*table.names]

    def framed(inputs: Tensors) -> Any:
        if table.is_plain:
            return pd.DataFrame(inputs["x"], columns=names)
        rows = len(next(iter(inputs.values())))
        return pd.DataFrame(
            {name: series(column, inputs, rows) for name, column in zip(names, table.columns, strict=True)}
        )

    def series(column: Column, inputs: Tensors, rows: int) -> Any:
        if not column.is_read:
            if column.is_category:
                return pd.Categorical.from_codes(np.full(rows, -1), categories=[""])
            return np.full(rows, column.missing) if column.missing is not NOT_MISSING else np.zeros(rows)
        values = fitted_values(column, inputs[column.name])
        if column.is_category:
            return pd.Categorical(values, categories=list(column.categories) or None)
        # Without a dtype, pandas converts None to NaN, which an encoder that was fitted with None does not know.
        is_object = column.missing is None and values.dtype == object
        return pd.Series(values, dtype=object) if is_object or (column.is_object and column.wire != "BYTES") else values

    return framed


def _array(table: Table, inputs: Tensors, dtype: np.dtype[Any]) -> Array:
    """All columns side by side. Columns that are not read are zeros, so that the others stay in their positions."""
    rows = len(next(iter(inputs.values())))
    whole = np.zeros((rows, len(table.columns)), dtype)
    for index, column in enumerate(table.columns):
        if column.is_read:
            whole[:, index] = fitted_values(column, inputs[column.name])
    return whole


def fitted_values(column: Column, array: Array) -> Array:
    """A column of a request in the form of the fit, with the model's missing value. Raises InvalidRequest."""
    if column.wire == "BYTES":
        array = as_text(column.name, array, column.missing)
        return _dates(column.name, array) if column.datatype == DATETIME else array
    if array.dtype != object:
        return array
    values = [column.missing if value is None else value for value in array.tolist()]
    if column.datatype == "INT64" and column.missing is not None:
        return np.array(values, np.float64)  # pandas holds integers as floats if some are missing
    found = np.empty(len(values), object)
    found[:] = values
    return found


def as_text(name: str, array: Array, missing: Any = NOT_MISSING) -> Array:
    """The array with every value as `str`, and None as the model's missing value. Raises InvalidRequest for bytes
    that are not UTF-8."""
    values = array.tolist()
    if set(map(type, values)) <= {str}:
        return array
    texts = np.empty(array.shape, object)
    for row, value in enumerate(values):
        try:
            texts[row] = value.decode() if isinstance(value, bytes) else missing if value is None else value
        except UnicodeDecodeError:
            raise InvalidRequest.at([BadValue("", f"row {row} of input {name!r} is not UTF-8")]) from None
    return texts


def _dates(name: str, texts: Array) -> Any:
    """ISO 8601 texts as dates, parsed by pandas in the resolution that pandas selects."""
    import pandas as pd  # noqa: PLC0415 - already imported by `frames`

    try:
        return pd.to_datetime(pd.Series(texts), format="ISO8601").to_numpy()
    except ValueError as error:
        raise InvalidRequest.at(
            [BadValue("", f"input {name!r} contains text that is not an ISO 8601 date: {error}")]
        ) from None
