"""A request body that a model answers, made from arrays that it takes."""

import json
from typing import Any

import orjson

from modelyard.protocols.predict.responses import jsonable
from modelyard.protocols.values.row_layout import by_column
from modelyard.tensors import Signature, Tensors


def example_body(signature: Signature, example: Tensors) -> bytes:
    """One line of JSON for people to read: rows as objects where their values have names, else as lists or plain strings.

    `example` fits the signature. A model that does not take rows gets whole tensors.
    """
    values: dict[str, Any] = {
        name: orjson.loads(orjson.dumps(jsonable(array), option=orjson.OPT_SERIALIZE_NUMPY))
        for name, array in example.items()
    }
    form = {"instances": _rows(signature, values)} if signature.rowwise else {"inputs": values}
    return json.dumps(form, ensure_ascii=False).encode()


def _rows(signature: Signature, values: dict[str, Any]) -> list[Any]:
    all_cells = by_column(signature)
    layout = all_cells.present(cell.name for cell in all_cells.cells if cell.input in values)
    rows: list[list[Any]] = []
    for row in zip(*(values[part.name] for part in layout.parts), strict=True):
        cells: list[Any] = []
        for part, value in zip(layout.parts, row, strict=True):
            cells += value if part.per_row else [value]
        rows.append(cells)
    if len(all_cells.cells) == 1 and all_cells.cells[0].name == all_cells.cells[0].input:
        return [value for [value] in rows]
    names = [cell.name for cell in layout.cells]
    return [dict(zip(names, row, strict=True)) for row in rows]
