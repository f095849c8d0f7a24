"""A graph's outputs as tensors, those too that are none.

A ZipMap (scikit-learn's converters put one behind a classifier) gives a map from class to score for each row: it becomes one
row of scores, in the order of the classes. Any other sequence or map becomes one JSON text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from deployments.runtimes.onnx.graph import zipmap_classes
from deployments.runtimes.onnx.types import scores_datatype, shape_of, tensor_datatype
from deployments.tensors import DTYPES, FREE, Array, Scalar, TensorSpec

Convert = Callable[[Any], Array]
_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the graph."""

    spec: TensorSpec
    convert: Convert | None = None
    """From what onnxruntime gives to a tensor; None where it is one."""
    classes: tuple[Scalar, ...] = ()
    """The keys of a ZipMap's maps."""
    width: int = FREE
    """How long the last axis is, where the graph or a trial tells."""


def outputs_of(args: Sequence[Any], rows: int, trial: Mapping[str, Any], model: bytes) -> list[Output]:
    """The outputs of a session's `args`. `rows` is the first axis of the inputs, and `trial` what the graph gave for an
    example: it may be empty. Raises LoadError for types that no client could be sent."""
    return [_output(arg, rows, trial.get(arg.name), model) for arg in args]


def _output(arg: Any, rows: int, tried: Any, model: bytes) -> Output:
    datatype = tensor_datatype(arg.name, arg.type)
    if datatype is not None:
        shape = shape_of(arg.shape)
        found = np.shape(tried) if isinstance(tried, np.ndarray) else shape
        if not shape:  # as onnxruntime also shows an output whose rank the graph does not tell
            shape = (FREE,) * len(found)
        width = found[-1] if found else FREE
        return Output(TensorSpec(arg.name, datatype, shape), width=width)
    datatype = scores_datatype(arg.type)
    classes = () if datatype is None else tuple(tried[0]) if tried else zipmap_classes(model, arg.name)
    if datatype is None or not classes:
        return Output(TensorSpec(arg.name, "BYTES", ()), json_text)
    spec = TensorSpec(arg.name, datatype, (rows, len(classes)))
    return Output(spec, _scores_from_maps(classes, DTYPES[datatype]), classes, len(classes))


def _scores_from_maps(classes: Sequence[Scalar], dtype: np.dtype[Any]) -> Convert:
    """Shape [rows, classes]."""

    def convert(maps: list[dict[Scalar, float]]) -> Array:
        return np.array([[row[name] for name in classes] for row in maps], dtype).reshape(len(maps), len(classes))

    return convert


def json_text(value: Any) -> Array:
    """The whole value as one JSON text, a scalar of BYTES: rows cannot be told apart in it."""
    text = np.empty((), object)
    text[()] = orjson.dumps(value, option=_JSON, default=np.ndarray.tolist).decode()
    return text
