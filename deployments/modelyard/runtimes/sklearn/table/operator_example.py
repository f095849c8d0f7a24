"""Reads the operator's example request for a model that reads a table. It has the form of `POST .../predict`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.examples import EXAMPLE_FILE


def example_rows(files: Files, names: Sequence[str], read: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """The example's values by column, as far as it has them; {} if there is no example, or if its form has no columns.

    `names` are all columns in the order of a row, `read` only those that the model reads. Raises LoadError if the file is not JSON.
    A trial run finds other errors in it.
    """
    columns = _columns(_body(files), lambda width: read if width == len(read) else names)
    lengths = {len(values) for values in columns.values()}
    return columns if len(lengths) == 1 and lengths != {0} else {}


def example_columns(files: Files) -> tuple[Sequence[str], int]:
    """The names of the example's columns and 0; for rows without names, () and the number of columns."""
    widths: list[int] = []

    def numbered(width: int) -> Sequence[str]:
        widths.append(width)
        return [str(index) for index in range(width)]

    columns = _columns(_body(files), numbered)
    return ((), widths[0]) if widths else ([*columns], 0)


def _body(files: Files) -> Any:
    if EXAMPLE_FILE not in files:
        return None
    try:
        return orjson.loads(files[EXAMPLE_FILE])
    except orjson.JSONDecodeError as error:
        raise LoadError(f"{EXAMPLE_FILE} is not JSON: {error}") from error


def _columns(body: Any, names_of: Callable[[int], Sequence[str]]) -> Mapping[str, Sequence[Any]]:
    """`names_of` returns the names of the columns for rows that are lists of that length."""
    match body:
        case {"dataframe_split": {"columns": list(columns), "data": list(rows)}}:
            return _of_lists(rows, columns)
        case {"dataframe_records": list(rows)} | {"instances": list(rows)}:
            if rows and all(isinstance(row, dict) for row in rows):
                keys = dict.fromkeys(key for row in rows for key in row)
                return {key: [row.get(key) for row in rows] for key in keys}
            return _of_lists(rows, names_of(_width(rows)))
        case {"inputs": list(rows)} | {"inputs": {"x": list(rows)}}:
            return _of_lists(rows, names_of(_width(rows)))
        case {"inputs": dict(tensors)}:
            return {name: values for name, values in tensors.items() if isinstance(values, list)}
    return {}


def _width(rows: Sequence[Any]) -> int:
    return len(rows[0]) if rows and isinstance(rows[0], list) else 1


def _of_lists(rows: Sequence[Any], columns: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    listed = [row if isinstance(row, list) else [row] for row in rows]
    if any(len(row) != len(columns) for row in listed):
        return {}
    return {name: [row[index] for row in listed] for index, name in enumerate(columns)}
