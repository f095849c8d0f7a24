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

from deployments.errors import InvalidRequest
from deployments.protocols.bad_values import escaped, quoted
from deployments.protocols.rows import RowReader
from deployments.protocols.text import text_of
from deployments.tensors import Tensors

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 400
"""Characters; more than any number needs, and few enough to be read quickly."""
FLAGS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
"""JSON's words, those that pandas writes, and those of spreadsheets."""

Line = tuple[list[Any], int]
"""A row's cells, and the number of its first line; lines are counted from 1."""


def read_csv(body: bytes, reader: RowReader) -> Tensors:
    """Rows by their header where the model's values have names, else by position. Raises InvalidRequest.

    A model with one unnamed value or list a row needs no header; a first line that is the input's name is one, and so is the first
    of several cells, where the model was fitted with columns that it does not read.
    """
    layout = reader.layout
    if not layout.plain and not layout.unnamed:
        nested = next(cell.name for cell in layout.cells if cell.shape != ())
        raise InvalidRequest(f"a row of {quoted(nested)} does not fit into CSV; send JSON")
    lines = _lines(text_of(body))
    names = [layout.cells[0].name]
    if len(layout.cells) > 1 or lines[0][0] == names or (layout.unread and len(lines[0][0]) > 1):
        (names, _), *lines = lines
    rows = [cells for cells, _ in lines]
    numbers = [number for _, number in lines]

    def where(index: int) -> str:
        return f"/lines/{numbers[index]}"

    if layout.unnamed:
        reader.check_count(rows, "")
        convert = _converter(layout.cells[0].datatype)
        return reader.lists([list(map(convert, cells)) for cells in rows], where)
    _convert(rows, names, {cell.name: cell.datatype for cell in layout.cells})
    return reader.table(names, "/lines/1", rows, where, [f"/{escaped(name)}" for name in names])


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
