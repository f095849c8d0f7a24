"""Builds an example request body from arrays that are valid for a model."""

import json
from typing import Any

import orjson

from modelyard.protocols.predict.responses import jsonable
from modelyard.protocols.values.row_layout import layout_by_column
from modelyard.tensors import Signature, Tensors


def example_body(signature: Signature, example: Tensors) -> bytes:
    """One line of JSON: rows as objects if their values have names, else as lists or scalars.

    `example` must match the signature. If the model does not support rows, the body holds whole tensors.
    """
    values: dict[str, Any] = {
        name: orjson.loads(orjson.dumps(jsonable(array), option=orjson.OPT_SERIALIZE_NUMPY))
        for name, array in example.items()
    }
    document = {"instances": _rows(signature, values)} if signature.rowwise else {"inputs": values}
    return json.dumps(document, ensure_ascii=False).encode()


def _rows(signature: Signature, values: dict[str, Any]) -> list[Any]:
    whole = layout_by_column(signature)
    layout = whole.present(feature.name for feature in whole.features if feature.input in values)
    rows: list[list[Any]] = []
    for row in zip(*(values[each.name] for each in layout.inputs), strict=True):
        features: list[Any] = []
        for each, value in zip(layout.inputs, row, strict=True):
            features += value if each.row_axes else [value]
        rows.append(features)
    if len(whole.features) == 1 and whole.features[0].name == whole.features[0].input:
        return [value for [value] in rows]
    names = [feature.name for feature in layout.features]
    return [dict(zip(names, row, strict=True)) for row in rows]
