"""JSON Schemas of values, rows and tensors in predict's requests and responses, from a model's signature."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.protocols.values.row_layout import Feature, RowLayout, accepts_missing, layout_by_column, row_shape
from modelyard.tensors import DTYPES, FREE, Scalar, Signature, TensorSpec

Schema = dict[str, Any]

BYTES = {"$ref": "#/components/schemas/Bytes"}
UNUSED: Schema = {}
"""The value of a column that the model does not use."""
KINDS: Mapping[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def input_value(datatype: str, *, missing: bool) -> Schema:
    """One value in a request for an input of this datatype. null is NaN, or a missing value if the input supports them."""
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
    """One value of this datatype in a response. null stands for a number that is not finite."""
    dtype = DTYPES[datatype]
    if dtype.kind == "b":
        return {"type": "boolean"}
    if dtype.kind == "O":
        return {"anyOf": [{"type": "string"}, BYTES]}
    if dtype.kind == "f":
        limit = float(np.finfo(dtype).max)
        return {"type": ["number", "null"], "minimum": -limit, "maximum": limit}
    return {"type": "integer", "minimum": int(np.iinfo(dtype).min), "maximum": int(np.iinfo(dtype).max)}


def enumerated(values: Sequence[Scalar]) -> Schema:
    """One of these values. They are listed if client generators can name them: some support only strings or integers of one type,
    and build names from the letters and digits of a string."""
    kinds = {type(each) for each in values}
    if len(kinds) != 1:
        return {"enum": list(values)}
    [kind] = kinds
    schema: Schema = {"type": KINDS[kind]}
    names = {re.sub("[^a-z0-9]", "", str(each).lower()) for each in values}
    if kind is int or (kind is str and len(names) == len(values) and "" not in names):
        schema["enum"] = list(values)
    return schema


def nested(item: Schema, shape: Sequence[int]) -> Schema:
    """Nested arrays of this shape. A FREE axis has any length."""
    for length in reversed(shape):
        item = {"type": "array", "items": item}
        if length != FREE:
            item |= {"minItems": length, "maxItems": length}
    return item


def tensor(spec: TensorSpec) -> Schema:
    """A whole tensor in a response."""
    return nested(value(spec.datatype), (*spec.shape[:1], *row_shape(spec)))


def input_tensor(spec: TensorSpec) -> Schema:
    """A whole tensor in a request. A single column can be sent as a list of values, and a list of values as a column."""
    item, shape = input_value(spec.datatype, missing=accepts_missing(spec)), (*spec.shape[:1], *row_shape(spec))
    forms = [shape]
    if len(shape) == 1:
        forms.append((*shape, 1))
    elif len(shape) == 2 and shape[1] == 1:
        forms.append(shape[:1])
    schemas = [nested(item, form) for form in forms]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def row_object(signature: Signature) -> Schema:
    """A row as an object, by column."""
    return _object(layout_by_column(signature))


def rows_of(signature: Signature, count: int, row: Schema) -> Schema:
    """`instances`: this number of rows; FREE for one or more. `row` is a reference to the schema of `row_object`.

    Here each row may have any form, although all rows of a request must have the same: client generators can distinguish the forms
    of one row, but not those of lists of rows.
    """
    layout = layout_by_column(signature)
    forms = [row, _single_cell(layout) if len(layout.features) == 1 else _row_list(layout)]
    if layout.positions(signature.fitted):
        forms.append(_fitted(layout, signature.fitted))
    return _counted({"anyOf": forms}, count)


def records_of(row: Schema, count: int) -> Schema:
    """`dataframe_records`: rows as objects. `row` is a reference to the schema of `row_object`."""
    return _counted(row, count)


def tensors_of(signature: Signature) -> Schema:
    """`inputs`: tensors or columns by name. A single input can also be sent without its name."""
    layout = layout_by_column(signature)
    named: dict[str, Schema] = {spec.name: input_tensor(spec) for spec in signature.inputs}
    if len(named) == 1 and layout.positions(
        signature.fitted
    ):  # rows of all fitted columns are reduced to the used ones
        [(name, whole)] = named.items()
        wide = nested(_fitted(layout, signature.fitted), signature.inputs[0].shape[:1])
        named[name] = {"anyOf": [whole, wide]}
    columns = {cell.name: nested(_cell(layout, cell), (FREE,)) for cell in layout.features if cell.name not in named}
    known = {**_unused(layout), **columns, **named}
    by_name: Schema = {"type": "object", "properties": known, "additionalProperties": False}
    if columns:
        by_name["minProperties"] = 1
    else:
        by_name["required"] = [spec.name for spec in signature.inputs if not spec.optional]
    return {"anyOf": [by_name, *named.values()]} if len(named) == 1 else by_name


def _counted(row: Schema, count: int) -> Schema:
    rows = nested(row, (count,))
    return {**rows, "minItems": 1} if count == FREE else rows


def _cell(layout: RowLayout, cell: Feature) -> Schema:
    plain = input_value(cell.datatype, missing=cell.missing)
    if cell.shape:
        return nested(plain, cell.shape)
    [cells] = [part.feature_count for part in layout.inputs if part.name == cell.input]
    return {"anyOf": [plain, nested(plain, (1,))]} if cells == 1 else plain  # a list of one value is allowed


def _single_cell(layout: RowLayout) -> Schema:
    """A row of one cell, without a list around it."""
    return _cell(layout, layout.features[0])


def _row_list(layout: RowLayout) -> Schema:
    required = sum(not cell.optional for cell in layout.features)
    return _tuple([_cell(layout, cell) for cell in layout.features], required)


def _fitted(layout: RowLayout, fitted: Sequence[str]) -> Schema:
    """A row of all columns that the model was fitted with, including unused ones."""
    cells = {cell.name: _cell(layout, cell) for cell in layout.features}
    return _tuple([cells.get(name, UNUSED) for name in fitted], len(fitted))


def _tuple(items: list[Schema], required: int) -> Schema:
    """An array with a schema for each element. `maxItems` excludes further elements."""
    uniform = all(item == items[0] for item in items)
    of: Schema = {"items": items[0]} if uniform else {"prefixItems": items, "items": {}}
    return {"type": "array", **of, "minItems": required, "maxItems": len(items)}


def _unused(layout: RowLayout) -> dict[str, Schema]:
    return dict.fromkeys(sorted(layout.ignored), UNUSED)


def _object(layout: RowLayout) -> Schema:
    return {
        "type": "object",
        "properties": {**_unused(layout), **{cell.name: _cell(layout, cell) for cell in layout.features}},
        "required": [cell.name for cell in layout.features if not (cell.optional or cell.missing)],
        "additionalProperties": False,
    }
