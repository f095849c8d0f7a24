"""Examples of a model's inputs: one made up from a signature, and the operator's own, as far as a runtime reads it. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.tensors import DTYPES, FREE, Array, Tensors, TensorSpec

EXAMPLE_FILE = "example.json"
"""A request body that works; an operator may put it beside the model."""
EXAMPLE_ROWS = 2
"""How long a free first axis is."""


@dataclass(frozen=True, slots=True)
class OperatorExample:
    """The operator's example as tensors."""

    tensors: Tensors
    rows: bool
    """Whether it says itself that it is rows."""


def synthetic_example(inputs: Sequence[TensorSpec], length: int = 1) -> Tensors:
    """Two different rows of zeros and ones, or "a" and "b", for every input that must be there, or for all where none must.

    `length` is how long a free axis is that is not the rows.
    """
    required = [spec for spec in inputs if not spec.optional]
    return {spec.name: _example(spec, length) for spec in required or inputs}


def operator_example(files: Mapping[str, bytes], inputs: Sequence[TensorSpec]) -> OperatorExample | None:
    """The operator's example: a body of `/predict` with "instances" or with tensors in "inputs".

    None where there is none or it does not fit: the codec reads it later in every form, and says what is wrong with it.
    """
    try:
        body = json.loads(files[EXAMPLE_FILE])
        specs = {spec.name: spec for spec in inputs}
        if "instances" in body:
            rows = body["instances"]
            columns = _columns(rows, inputs)
            return OperatorExample({name: _rows(specs[name], values) for name, values in columns.items()}, rows=True)
        tensors = {name: _tensor(specs[name], value) for name, value in body["inputs"].items()}
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    whole = all(spec.optional or spec.name in tensors for spec in inputs)
    return OperatorExample(tensors, rows=False) if tensors and whole else None


def _columns(rows: list[Any], inputs: Sequence[TensorSpec]) -> dict[str, list[Any]]:
    """The values of each input, from rows that are objects, or values of a single input."""
    required = [spec.name for spec in inputs if not spec.optional] or [spec.name for spec in inputs]
    if not isinstance(rows[0], dict):
        [name] = required
        return {name: rows}
    return {name: [row[name] for row in rows] for name in rows[0]}


def _rows(spec: TensorSpec, values: list[Any]) -> Array:
    array = np.array(values, DTYPES[spec.datatype])
    if array.ndim != len(spec.shape) and FREE not in spec.shape[1:]:
        array = array.reshape(len(values), *spec.shape[1:])  # a plain value may stand for a list of one
    return _check_shape(spec, array)


def _tensor(spec: TensorSpec, value: Any) -> Array:
    return _check_shape(spec, np.array(value, DTYPES[spec.datatype]))


def _check_shape(spec: TensorSpec, array: Array) -> Array:
    if array.ndim != len(spec.shape) or any(
        axis not in (FREE, n) for axis, n in zip(spec.shape, array.shape, strict=True)
    ):
        raise ValueError(f"{spec.name!r} has shape {array.shape}")
    return array


def _example(spec: TensorSpec, length: int) -> Array:
    first = EXAMPLE_ROWS if spec.shape[:1] == (FREE,) else None
    shape = tuple(length if axis == FREE else axis for axis in spec.shape)
    shape = (first, *shape[1:]) if first else shape
    if spec.datatype == "BYTES":
        values = np.full(shape, "a", object)
        if first:
            values[1:] = "b"
        return values
    values = np.zeros(shape, DTYPES[spec.datatype])
    if first:
        values[1:] = 1
    return values
