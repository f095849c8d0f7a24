"""Example inputs of a model: synthetic ones from a signature, and the operator's as far as a runtime reads it. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.tensors import DTYPES, FREE, Array, Tensors, TensorSpec

EXAMPLE_FILE = "example.json"
"""A request body that works. It is optional, and lies next to the artefact."""
EXAMPLE_ROWS = 2
"""The length of a free first axis in a synthetic example."""


@dataclass(frozen=True, slots=True)
class OperatorExample:
    """The operator's example as tensors."""

    tensors: Tensors
    rows: bool
    """Whether its form ("instances") says that the first axis is the rows."""


def synthetic_example(inputs: Sequence[TensorSpec], length: int = 1) -> Tensors:
    """Two different rows of zeros and ones, or "a" and "b", for every required input, or for all inputs if none is required.

    `length` is the length of free axes other than the rows.
    """
    required = [spec for spec in inputs if not spec.optional]
    return {spec.name: _example(spec, length) for spec in required or inputs}


def operator_example(files: Mapping[str, bytes], inputs: Sequence[TensorSpec]) -> OperatorExample | None:
    """The operator's example: a body of `/predict` with "instances" or with tensors in "inputs".

    None if there is none or it does not match the inputs: the codec reads every form of it later, and reports what is wrong.
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
    complete = all(spec.optional or spec.name in tensors for spec in inputs)
    return OperatorExample(tensors, rows=False) if tensors and complete else None


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
        array = array.reshape(len(values), *spec.shape[1:])  # a plain value means a list of one value
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
