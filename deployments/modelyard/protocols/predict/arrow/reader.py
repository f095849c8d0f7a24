"""A stream's table to a model's inputs: columns by the names of features or inputs, record batches joined."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.arrow.arrays import Meter, Values, kind_of, shape_of, values_of
from modelyard.protocols.predict.arrow.columns import Column
from modelyard.protocols.predict.arrow.message_checks import check_messages
from modelyard.protocols.predict.rows import RowReader
from modelyard.protocols.values.arrays import fits
from modelyard.protocols.values.bad_values import BadValues, refuse
from modelyard.protocols.values.row_layout import InputPart, Layout
from modelyard.tensors import FREE, Array, Tensors
from modelyard.text.quoting import escaped, quoted, shortened

NOT_VALID = (pa.ArrowException, ValueError, OSError)
"""What pyarrow raises for bytes that are no stream, or that are one with invalid arrays in it."""
NO_MESSAGES = (*NOT_VALID, TypeError, struct.error)
"""The same, and what flatbuffers raises."""
TAKEN = "numbers, booleans, texts, dictionaries of these, and lists of a fixed size"
POINTER = "/columns"


def read_table(body: bytes, rows: RowReader) -> Tensors:
    """The inputs. Raises InvalidRequest, with every bad value."""
    try:
        check_messages(body)
        stream = pa.ipc.open_stream(pa.py_buffer(body), options=pa.ipc.IpcReadOptions(use_threads=False))
        names: list[str] = list(stream.schema.names)
        types = list(stream.schema.types)
    except NO_MESSAGES as error:
        raise _no_stream(error) from None
    layout = _layout(names, types, rows)
    wanted = [layout is None or name in layout.names for name in names]
    try:
        columns = _columns(stream, types, wanted, rows, Meter(2 * len(body)))
    except NOT_VALID as error:
        raise _no_stream(error) from None
    if layout is None:
        return _by_position([column for column in columns if column], names, rows.layout)
    return _by_name({name: column for name, column in zip(names, columns, strict=True) if column}, layout)


def _layout(names: Sequence[str], types: Sequence[Any], rows: RowReader) -> Layout | None:
    """The columns that there must be; None where their names say nothing. Raises InvalidRequest for others."""
    rows.check_taken("")
    layout = None
    shape = rows.layout.cells[0].shape
    if rows.layout.unnamed and not any(map(shape_of, types)):
        if shape[0] not in (FREE, len(names)) or not names:
            raise refuse(POINTER, f"expected {_counted(shape[0])}, got {len(names)}")
    else:
        layout = rows.layout_for(names, POINTER)
    bad = BadValues()
    for name, type_ in zip(names, types, strict=True):
        if kind_of(type_) is None and (layout is None or name in layout.names):
            told = shortened(str(type_))
            bad.add(f"{POINTER}/{escaped(name)}", f"a column of {told} is not taken, only {TAKEN}")
    bad.raise_if_any()
    return layout


def _columns(
    stream: Any, types: Sequence[Any], wanted: Sequence[bool], rows: RowReader, meter: Meter
) -> list[Column | None]:
    """Every column that is `wanted`, whole; None for the others. Raises what pyarrow raises, too."""
    read: list[list[Values]] = [[] for _ in types]
    count = 0
    for batch in stream:
        batch.validate()
        count += batch.num_rows
        if count > rows.max_rows:
            break
        for parts, array, is_wanted in zip(read, batch.columns, wanted, strict=True):
            if is_wanted:
                parts.append(values_of(array, meter))
    rows.check_length(count, "")
    return [_joined(type_, parts) if parts else None for type_, parts in zip(types, read, strict=True)]


def _joined(type_: Any, parts: Sequence[Values]) -> Column:
    values, missing = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Column(kind_of(type_) or "nothing", shortened(str(type_)), values, missing)


def _by_name(columns: dict[str, Column], layout: Layout) -> Tensors:
    bad = BadValues()
    tensors: Tensors = {}
    for part in layout.parts:
        arrays: list[Array] = []
        for cell in (cell for cell in layout.cells if cell.input == part.name):
            column, pointer = columns[cell.name], f"{POINTER}/{escaped(cell.name)}"
            found = column.values.shape[1:]
            if fits(found, cell.shape) or (part.cells == 1 and cell.shape == () and found == (1,)):
                arrays.append(column.converted(cell, pointer, bad))
            else:
                bad.add(pointer, f"expected {_shaped(cell.shape)}, got {_shaped(found)}")
        if not bad.count:
            tensors[part.name] = _assembled(part, arrays)
    bad.raise_if_any()
    return tensors


def _by_position(columns: Sequence[Column], names: Sequence[str], layout: Layout) -> Tensors:
    [part] = layout.parts
    [cell] = layout.cells
    bad = BadValues()
    arrays = [
        column.converted(cell, f"{POINTER}/{escaped(name)}", bad) for column, name in zip(columns, names, strict=True)
    ]
    bad.raise_if_any()
    return {part.name: np.stack(arrays, axis=1)}


def _assembled(part: InputPart, arrays: Sequence[Array]) -> Array:
    """The input of its columns."""
    if part.cells > 1:
        return np.stack(arrays, axis=1)
    [array] = arrays
    if part.cell.shape != ():
        return array
    return array.reshape(len(array), *part.per_row)


def _shaped(shape: Sequence[int]) -> str:
    lists = " in ".join("any length" if length == FREE else str(length) for length in reversed(shape))
    return f"lists of {lists}" if shape else "plain values"


def _counted(columns: int) -> str:
    return "columns" if columns == FREE else f"{columns} columns, or one of lists of {columns}"


def _no_stream(error: Exception) -> InvalidRequest:
    told = str(error).strip().partition("\n")[0]
    return InvalidRequest(f"the body is no valid Arrow stream: {quoted(told)}")
