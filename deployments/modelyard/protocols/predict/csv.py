"""CSV to rows of JSON values (RFC 4180): commas, quotes, LF or CRLF, UTF-8 with or without its mark.

A cell holds what JSON would: a number, true or false, or text without its quotes. An empty cell is a missing value, null.
Where numbers are wanted, true and false are 1 and 0, as in JSON.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.rows import RowReader
from modelyard.tensors import Tensors
from modelyard.text.decoding import decode_body
from modelyard.text.quoting import escaped, quoted

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 400
"""Characters; more than any number needs, and few enough to be read quickly."""
FLAGS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
"""JSON's words, those that pandas writes, and those of spreadsheets."""

Line = tuple[list[Any], int]
"""A row's cells, and the number of its first line; lines are counted from 1."""


def read_csv(body: bytes, reader: RowReader, header: bool | None = None) -> Tensors:
    """Rows by their header, or by the order of the model's values. Raises InvalidRequest.

    `header` is whether the client says that the first line is one (RFC 4180); None where it says nothing. Then `_has_header` does.
    """
    layout = reader.layout
    if not layout.plain and not layout.unnamed:
        nested = next(cell.name for cell in layout.cells if cell.shape != ())
        raise InvalidRequest(f"a row of {quoted(nested)} does not fit into CSV; send JSON")
    lines = _lines(decode_body(body))
    names: list[Any] = reader.names(len(lines[0][0]))
    if header or (header is None and _has_header(lines[0][0], reader)):
        (names, _), *lines = lines
    rows = [cells for cells, _ in lines]
    numbers = [number for _, number in lines]

    def where(index: int) -> str:
        return f"/lines/{numbers[index]}"

    if layout.unnamed:
        reader.check_count(rows, "")
        convert = _converter(layout.cells[0].datatype)
        return reader.lists([list(map(convert, cells)) for cells in rows], where)
    _convert(rows, names, _datatypes(reader))
    return reader.table(names, "/lines/1", rows, where, [f"/{escaped(name)}" for name in names])


def _has_header(first: list[str], reader: RowReader) -> bool:
    """Whether the first line is a header.

    Where a row is one value or one list without names, only the name of the value is one, or, for a model that was fitted with
    more columns than it reads, any line of several cells. Otherwise a line is data if it has as many cells as a row, none is the
    name of a column, and all cells where numbers or booleans are wanted hold such. Texts alone are no sign of either.

    Raises InvalidRequest for a line that counts its cells: a table without names is often written so, and it may be data as well.
    """
    layout = reader.layout
    if len(layout.cells) == 1 and not (layout.unread and len(first) > 1):
        return first == [layout.cells[0].name] and not layout.unnamed
    names, datatypes = reader.names(len(first)), _datatypes(reader)
    if len(names) != len(first) or not (layout.names | layout.unread).isdisjoint(first):
        return True
    values = [
        _converter(datatypes[name])(text)
        for name, text in zip(names, first, strict=True)
        if datatypes.get(name, "BYTES") != "BYTES"
    ]
    if any(isinstance(value, str) for value in values) or all(value is None for value in values):
        return True
    if len(first) > 1 and any(first == [str(start + place) for place in range(len(first))] for start in (0, 1)):
        raise InvalidRequest(
            "the first line counts its cells: send text/csv; header=present if it names columns, header=absent if it is data"
        )
    return False


def _lines(text: str) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[Line] = []
    start = 1
    try:
        for cells in reader:
            if cells:  # an empty line is no row
                lines.append((cells, start))
            start = reader.line_num + 1
    except csv.Error as error:
        raise InvalidRequest(f"the body is not valid CSV: {error} (line {start})") from None
    if not lines:
        raise InvalidRequest("the body is empty; expected CSV")
    return lines


def _datatypes(reader: RowReader) -> dict[str, str]:
    return {cell.name: cell.datatype for cell in reader.layout.cells}


def _convert(rows: list[list[Any]], names: list[Any], datatypes: Mapping[str, str]) -> None:
    """Replace the text of the columns that are known by what it says."""
    for position, name in enumerate(names):
        if name not in datatypes:
            continue
        convert = _converter(datatypes[name])
        for cells in rows:
            if position < len(cells):
                cells[position] = convert(cells[position])


def _converter(datatype: str) -> Callable[[str], Any]:
    return {"BYTES": _string, "BOOL": _boolean}.get(datatype, _number)


# Text that does not say a value of its type stays text, and is refused like any string in JSON would be.


def _number(text: str) -> float | str | None:
    if not text:
        return None
    if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
        return FLAGS.get(text, text)
    try:
        whole = int(text)
    except ValueError:
        pass
    else:
        if -(2**63) <= whole < 2**64:
            return whole
    number = float(text)
    return number if isfinite(number) else text


def _boolean(text: str) -> bool | str | None:
    return FLAGS.get(text, text) if text else None


def _string(text: str) -> str | None:
    return text or None
