"""Parses CSV into rows of JSON values (RFC 4180): commas, quotes, LF or CRLF, UTF-8 with or without a byte order mark.

A cell holds what JSON would: a number, true or false, or a string without quotes. An empty cell is a missing value, null.
Where numbers are expected, true and false are 1 and 0, as in JSON.
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
MAX_NUMBER_CHARS = 400
"""More characters than any number needs, and few enough to parse fast."""
BOOLEANS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
"""As written by JSON, pandas, and spreadsheets."""

CsvLine = tuple[list[Any], int]
"""The cells of a row, and the number of its first line, from 1."""


def read_csv(body: bytes, reader: RowReader, header: bool | None = None) -> Tensors:
    """Read rows by their header, or in the order of the features. Raises InvalidRequest.

    `header` says whether the first line is a header, from the content type (RFC 4180). If it is None, `_has_header` decides.
    """
    layout = reader.layout
    if not layout.all_scalar and not layout.unnamed:
        nested = next(feature.name for feature in layout.features if feature.shape != ())
        raise InvalidRequest(f"rows of {quoted(nested)} cannot be sent as CSV; send JSON")
    lines = _lines(decode_body(body))
    names: list[Any] = reader.feature_names(len(lines[0][0]))
    if header or (header is None and _has_header(lines[0][0], reader)):
        (names, _), *lines = lines
    rows = [cells for cells, _ in lines]
    numbers = [number for _, number in lines]

    def row_pointer(index: int) -> str:
        return f"/lines/{numbers[index]}"

    if layout.unnamed:
        reader.check_rows(rows, "")
        convert = _converter(layout.features[0].datatype)
        return reader.lists([list(map(convert, cells)) for cells in rows], row_pointer)
    _convert(rows, names, _datatypes(reader))
    return reader.table(names, "/lines/1", rows, row_pointer, [f"/{escaped(name)}" for name in names])


def _has_header(first: list[str], reader: RowReader) -> bool:
    """Whether the first line is a header.

    If a row is one value or one unnamed list, the line is a header if it is the name of that value. For a model that was fitted
    with more columns than it reads, a line of several cells is a header, too. Otherwise a line is data if it has as many cells as a
    row, no cell is the name of a column, and all cells of numbers and booleans hold such values. Strings alone decide nothing.

    Raises InvalidRequest for a line that numbers its cells: pandas writes such a header for a table without names, but it may be
    data as well.
    """
    layout = reader.layout
    if len(layout.features) == 1 and not (layout.ignored and len(first) > 1):
        return first == [layout.features[0].name] and not layout.unnamed
    names, datatypes = reader.feature_names(len(first)), _datatypes(reader)
    if len(names) != len(first) or not (layout.names | layout.ignored).isdisjoint(first):
        return True
    values = [
        _converter(datatypes[name])(text)
        for name, text in zip(names, first, strict=True)
        if datatypes.get(name, "BYTES") != "BYTES"
    ]
    if any(isinstance(value, str) for value in values) or all(value is None for value in values):
        return True
    if len(first) > 1 and any(first == [str(start + index) for index in range(len(first))] for start in (0, 1)):
        raise InvalidRequest(
            "the first line numbers its cells: send text/csv; header=present if it names columns, header=absent if it is data"
        )
    return False


def _lines(text: str) -> list[CsvLine]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[CsvLine] = []
    start = 1
    try:
        for cells in reader:
            if cells:  # an empty line is not a row
                lines.append((cells, start))
            start = reader.line_num + 1
    except csv.Error as error:
        raise InvalidRequest(f"the body is not valid CSV: {error} (line {start})") from None
    if not lines:
        raise InvalidRequest("the body is empty; expected CSV")
    return lines


def _datatypes(reader: RowReader) -> dict[str, str]:
    return {feature.name: feature.datatype for feature in reader.layout.features}


def _convert(rows: list[list[Any]], names: list[Any], datatypes: Mapping[str, str]) -> None:
    """Replace the text of the known columns by its value."""
    for position, name in enumerate(names):
        if name not in datatypes:
            continue
        convert = _converter(datatypes[name])
        for cells in rows:
            if position < len(cells):
                cells[position] = convert(cells[position])


def _converter(datatype: str) -> Callable[[str], Any]:
    return {"BYTES": _string, "BOOL": _boolean}.get(datatype, _number)


# Text that is not a value of its type stays text, and is rejected like a string in JSON.


def _number(text: str) -> float | str | None:
    if not text:
        return None
    if len(text) > MAX_NUMBER_CHARS or not NUMBER.fullmatch(text):
        return BOOLEANS.get(text, text)
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
    return BOOLEANS.get(text, text) if text else None


def _string(text: str) -> str | None:
    return text or None
