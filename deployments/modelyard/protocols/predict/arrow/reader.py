"""Reads a model's inputs from the table of a stream: columns by the names of features or inputs, record batches joined."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.arrow.arrays import ByteBudget, Values, kind_of, read_values, shape_of
from modelyard.protocols.predict.arrow.columns import Column
from modelyard.protocols.predict.arrow.message_checks import check_messages
from modelyard.protocols.predict.rows import RowReader
from modelyard.protocols.values.arrays import shape_matches
from modelyard.protocols.values.bad_values import BadValues, invalid_value
from modelyard.protocols.values.row_layout import InputFeatures, RowLayout
from modelyard.tensors import FREE, Array, Tensors
from modelyard.text.quoting import escaped, quoted, shortened

INVALID_STREAM = (pa.ArrowException, ValueError, OSError)
"""pyarrow raises these for bytes that are not a stream, and for invalid arrays."""
INVALID_MESSAGES = (*INVALID_STREAM, TypeError, struct.error)
"""The same, and those that flatbuffers raises."""
SUPPORTED_TYPES = "numbers, booleans, strings, dictionaries of these, and fixed-size lists"
POINTER = "/columns"


def read_table(body: bytes, rows: RowReader) -> Tensors:
    """The inputs. Raises InvalidRequest, with every bad value."""
    try:
        check_messages(body)
        stream = pa.ipc.open_stream(pa.py_buffer(body), options=pa.ipc.IpcReadOptions(use_threads=False))
        names: list[str] = list(stream.schema.names)
        types = list(stream.schema.types)
    except INVALID_MESSAGES as error:
        raise _invalid_stream(error) from None
    layout = _layout(names, types, rows)
    used = [layout is None or name in layout.names for name in names]
    try:
        columns = _columns(stream, types, used, rows, ByteBudget(2 * len(body)))
    except INVALID_STREAM as error:
        raise _invalid_stream(error) from None
    if layout is None:
        return _by_position([column for column in columns if column], names, rows.layout)
    return _by_name({name: column for name, column in zip(names, columns, strict=True) if column}, layout)


def _layout(names: Sequence[str], types: Sequence[Any], rows: RowReader) -> RowLayout | None:
    """The layout that the columns must have; None if they are read by position. Raises InvalidRequest for other columns."""
    rows.check_supported("")
    layout = None
    shape = rows.layout.features[0].shape
    if rows.layout.unnamed and not any(map(shape_of, types)):
        if shape[0] not in (FREE, len(names)) or not names:
            raise invalid_value(POINTER, f"expected {_columns_text(shape[0])}, got {len(names)}")
    else:
        layout = rows.layout_for(names, POINTER)
    bad = BadValues()
    for name, type_ in zip(names, types, strict=True):
        if kind_of(type_) is None and (layout is None or name in layout.names):
            type_name = shortened(str(type_))
            bad.add(
                f"{POINTER}/{escaped(name)}", f"a column of {type_name} is not supported, only {SUPPORTED_TYPES} are"
            )
    bad.raise_if_any()
    return layout


def _columns(
    stream: Any, types: Sequence[Any], used: Sequence[bool], rows: RowReader, budget: ByteBudget
) -> list[Column | None]:
    """Every column that is `used`, with the rows of all batches; None for the others. Also raises pyarrow's errors."""
    read: list[list[Values]] = [[] for _ in types]
    count = 0
    for batch in stream:
        batch.validate()
        count += batch.num_rows
        if count > rows.max_rows:
            break
        for parts, array, is_used in zip(read, batch.columns, used, strict=True):
            if is_used:
                parts.append(read_values(array, budget))
    rows.check_row_count(count, "")
    return [_joined(type_, parts) if parts else None for type_, parts in zip(types, read, strict=True)]


def _joined(type_: Any, parts: Sequence[Values]) -> Column:
    values, missing = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Column(kind_of(type_) or "nulls", shortened(str(type_)), values, missing)


def _by_name(columns: dict[str, Column], layout: RowLayout) -> Tensors:
    bad = BadValues()
    tensors: Tensors = {}
    for group in layout.inputs:
        arrays: list[Array] = []
        for feature in (feature for feature in layout.features if feature.input == group.name):
            column, pointer = columns[feature.name], f"{POINTER}/{escaped(feature.name)}"
            found = column.values.shape[1:]
            if shape_matches(found, feature.shape) or (
                group.feature_count == 1 and feature.shape == () and found == (1,)
            ):
                arrays.append(column.converted(feature, pointer, bad))
            else:
                bad.add(pointer, f"expected {_shape_text(feature.shape)}, got {_shape_text(found)}")
        if not bad.count:
            tensors[group.name] = _assemble(group, arrays)
    bad.raise_if_any()
    return tensors


def _by_position(columns: Sequence[Column], names: Sequence[str], layout: RowLayout) -> Tensors:
    [group] = layout.inputs
    [feature] = layout.features
    bad = BadValues()
    arrays = [
        column.converted(feature, f"{POINTER}/{escaped(name)}", bad)
        for column, name in zip(columns, names, strict=True)
    ]
    bad.raise_if_any()
    return {group.name: np.stack(arrays, axis=1)}


def _assemble(group: InputFeatures, arrays: Sequence[Array]) -> Array:
    """The array of an input, from its columns."""
    if group.feature_count > 1:
        return np.stack(arrays, axis=1)
    [array] = arrays
    if group.value.shape != ():
        return array
    return array.reshape(len(array), *group.row_axes)


def _shape_text(shape: Sequence[int]) -> str:
    lists = " in ".join("any length" if length == FREE else str(length) for length in reversed(shape))
    return f"lists of {lists}" if shape else "scalars"


def _columns_text(columns: int) -> str:
    return "columns" if columns == FREE else f"{columns} columns, or one column of lists of {columns}"


def _invalid_stream(error: Exception) -> InvalidRequest:
    message = str(error).strip().partition("\n")[0]
    return InvalidRequest(f"the body is not a valid Arrow stream: {quoted(message)}")
