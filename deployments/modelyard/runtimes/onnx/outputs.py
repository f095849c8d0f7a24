"""Converts a graph's outputs to tensors, including outputs that are sequences or maps.

A ZipMap (scikit-learn's converters append one to a classifier) returns a map from class to score for each row. It becomes one row
of scores, in the order of the classes. Any other sequence or map becomes one JSON string.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from modelyard.runtimes.onnx.classes import zipmap_classes
from modelyard.runtimes.onnx.graph import Model
from modelyard.runtimes.onnx.trial_runs import Trial
from modelyard.runtimes.onnx.types import scores_datatype, shape_of, tensor_datatype
from modelyard.tensors import DTYPES, FREE, Array, Scalar, TensorSpec

Convert = Callable[[Any], Array]
_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the graph."""

    spec: TensorSpec
    convert: Convert | None = None
    """Converts the value that onnxruntime returns to a tensor; None if the value is a tensor."""
    classes: tuple[Scalar, ...] = ()
    """The keys of a ZipMap's maps."""
    width: int = FREE
    """The length of the last axis, if the graph or a trial run shows it."""


def outputs_of(args: Sequence[Any], rows: int, trial: Trial, model: Model | None) -> list[Output]:
    """The outputs of a session's `args`. `rows` is the first axis of the inputs. If the trial returned other shapes
    than the graph declares, the trial decides: some converters declare one row.

    Raises LoadError for types that cannot be sent to a client.
    """
    return [_output(arg, rows, trial, model) for arg in args]


def _output(arg: Any, rows: int, trial: Trial, model: Model | None) -> Output:
    datatype = tensor_datatype(arg.name, arg.type)
    if datatype is not None:
        shapes = trial.shapes(arg.name)
        shape = _found_shape(shape_of(arg.shape), shapes)
        tried = shapes[0] if shapes else shape
        return Output(
            TensorSpec(arg.name, datatype, shape), _AS_DECLARED.get(datatype), width=tried[-1] if tried else FREE
        )
    datatype = scores_datatype(arg.type)
    maps: Any = trial.outputs.get(arg.name)
    classes: tuple[Scalar, ...] = ()
    if datatype is not None:
        classes = tuple(maps[0]) if maps else zipmap_classes(model.graph, arg.name) if model else ()
    if datatype is None or not classes:
        return Output(TensorSpec(arg.name, "BYTES", ()), json_text)
    spec = TensorSpec(arg.name, datatype, (rows, len(classes)))
    return Output(spec, _scores_from_maps(classes, DTYPES[datatype]), classes, len(classes))


def _found_shape(declared: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The declared shape with FREE wherever it is wrong. onnxruntime shows () also for an output without a declared rank."""
    if shapes and len(shapes[0]) != len(declared):
        return (FREE,) * len(shapes[0])
    return tuple(axis if all(shape[place] == axis for shape in shapes) else FREE for place, axis in enumerate(declared))


def _numbers(datatype: str) -> Convert:
    """Converts the dtype of 64-bit integers. onnxruntime returns C's `long long`, which compares equal to numpy's 64-bit type, but
    is another type: code that finds types by their number or class does not know it."""

    dtype = DTYPES[datatype]

    def convert(array: Array) -> Array:
        return array.view(dtype)

    return convert


_AS_DECLARED = {datatype: _numbers(datatype) for datatype in ("INT64", "UINT64")}


def _scores_from_maps(classes: Sequence[Scalar], dtype: np.dtype[Any]) -> Convert:
    """Shape [rows, classes]."""

    def convert(maps: list[dict[Scalar, float]]) -> Array:
        return np.array([[row[name] for name in classes] for row in maps], dtype).reshape(len(maps), len(classes))

    return convert


def json_text(value: Any) -> Array:
    """The whole value as one JSON string, a BYTES scalar: it has no rows."""
    text = np.empty((), object)
    text[()] = orjson.dumps(value, option=_JSON, default=np.ndarray.tolist).decode()
    return text
