"""Schemas of values, rows and tensors, from a model's signature: what predict takes and gives, as JSON. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deployments.protocols.layout import Cell, Layout, by_column, row_shape, takes_missing
from deployments.tensors import DTYPES, FREE, Signature, TensorSpec

Schema = dict[str, Any]

BYTES = {"$ref": "#/components/schemas/Bytes"}
UNREAD: Schema = {"description": "not read by the model"}


def given(datatype: str, *, missing: bool) -> Schema:
    """One value of a request for an input of this datatype; null is NaN, or a missing value where the input takes them."""
    schema = value(datatype)
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if DTYPES[datatype].kind in "iuf":
        kinds = [*kinds, "boolean"]
    if missing and "null" not in kinds:
        if not kinds:
            return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
        kinds = [*kinds, "null"]
    return {**schema, "type": kinds} if kinds else schema


def value(datatype: str) -> Schema:
    """One value of this datatype in an answer; null is what is not finite."""
    dtype = DTYPES[datatype]
    if dtype.kind == "b":
        return {"type": "boolean"}
    if dtype.kind == "O":
        return {"anyOf": [{"type": "string"}, BYTES]}
    if dtype.kind == "f":
        limit = float(np.finfo(dtype).max)
        return {"type": ["number", "null"], "minimum": -limit, "maximum": limit}
    return {"type": "integer", "minimum": int(np.iinfo(dtype).min), "maximum": int(np.iinfo(dtype).max)}


def nested(item: Schema, shape: Sequence[int]) -> Schema:
    """Lists in lists, as the shape is; an axis that is FREE has any length."""
    for length in reversed(shape):
        item = {"type": "array", "items": item}
        if length != FREE:
            item |= {"minItems": length, "maxItems": length}
    return item


def tensor(spec: TensorSpec) -> Schema:
    """A whole input or output."""
    return nested(value(spec.datatype), (*spec.shape[:1], *row_shape(spec)))


def given_tensor(spec: TensorSpec) -> Schema:
    """A whole input of a request; one column may be a list of values, and the other way round."""
    item, shape = given(spec.datatype, missing=takes_missing(spec)), (*spec.shape[:1], *row_shape(spec))
    forms = [shape]
    if len(shape) == 1:
        forms.append((*shape, 1))
    elif len(shape) == 2 and shape[1] == 1:
        forms.append(shape[:1])
    schemas = [nested(item, form) for form in forms]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def rows_of(signature: Signature, count: int) -> Schema:
    """`instances`: so many rows in one form; FREE for one or more."""
    layout = by_column(signature)
    forms = [_listed(layout), _object(layout)]
    if len(layout.cells) == 1:
        forms[0] = _alone(layout)
    if layout.positions(signature.fitted):
        forms.append(_fitted(layout, signature.fitted))
    return {"anyOf": [_counted(form, count) for form in forms]}


def records_of(signature: Signature, count: int) -> Schema:
    """`dataframe_records`: rows as objects."""
    return _counted(_object(by_column(signature)), count)


def tensors_of(signature: Signature) -> Schema:
    """`inputs`: tensors or columns by name; a single input also without its name."""
    layout = by_column(signature)
    named: dict[str, Schema] = {spec.name: given_tensor(spec) for spec in signature.inputs}
    if len(named) == 1 and layout.positions(signature.fitted):  # rows of all columns are cut to those that are read
        [(name, whole)] = named.items()
        wide = nested(_fitted(layout, signature.fitted), signature.inputs[0].shape[:1])
        named[name] = {"anyOf": [whole, wide]}
    columns = {cell.name: nested(_cell(layout, cell), (FREE,)) for cell in layout.cells if cell.name not in named}
    known = {**_unread(layout), **columns, **named}
    by_name: Schema = {"type": "object", "properties": known, "additionalProperties": False}
    if columns:
        by_name["minProperties"] = 1
    else:
        by_name["required"] = [spec.name for spec in signature.inputs if not spec.optional]
    return {"anyOf": [by_name, *named.values()]} if len(named) == 1 else by_name


def _counted(row: Schema, count: int) -> Schema:
    rows = nested(row, (count,))
    return {**rows, "minItems": 1} if count == FREE else rows


def _cell(layout: Layout, cell: Cell) -> Schema:
    plain = given(cell.datatype, missing=cell.missing)
    if cell.shape:
        return nested(plain, cell.shape)
    [cells] = [part.cells for part in layout.parts if part.name == cell.input]
    return {"anyOf": [plain, nested(plain, (1,))]} if cells == 1 else plain  # it may stand in a list of one


def _alone(layout: Layout) -> Schema:
    """A row of one cell needs no list around it."""
    return _cell(layout, layout.cells[0])


def _listed(layout: Layout) -> Schema:
    required = sum(not cell.optional for cell in layout.cells)
    return {
        "type": "array",
        "prefixItems": [_cell(layout, cell) for cell in layout.cells],
        "items": False,
        "minItems": required,
        "maxItems": len(layout.cells),
    }


def _fitted(layout: Layout, fitted: Sequence[str]) -> Schema:
    """A row of all columns that the model was fitted with."""
    cells = {cell.name: _cell(layout, cell) for cell in layout.cells}
    return {
        "type": "array",
        "prefixItems": [cells.get(name, UNREAD) for name in fitted],
        "minItems": len(fitted),
        "maxItems": len(fitted),
    }


def _unread(layout: Layout) -> dict[str, Schema]:
    return dict.fromkeys(sorted(layout.unread), UNREAD)


def _object(layout: Layout) -> Schema:
    return {
        "type": "object",
        "properties": {**_unread(layout), **{cell.name: _cell(layout, cell) for cell in layout.cells}},
        "required": [cell.name for cell in layout.cells if not (cell.optional or cell.missing)],
        "additionalProperties": False,
    }
