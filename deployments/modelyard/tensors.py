"""Tensors and signatures, in the terms of the Open Inference Protocol.

A tensor is a numpy array. Its datatype is the protocol's name for the array's dtype; strings and bytes are BYTES and are held
as object arrays of `str` or `bytes`.
Source of the names: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
"""Arrays by the name of the input or output they are for."""

Scalar = str | int | float | bool
Task = Literal["classification", "regression", "clustering", "transformation", "tensors"]

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_DATATYPES = {dtype: name for name, dtype in DTYPES.items()}

FREE = -1
"""An axis of any length."""


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The protocol's name of a numpy dtype; every string kind is BYTES. KeyError for what it cannot carry (complex, dates)."""
    return "BYTES" if dtype.kind in "OUS" else _DATATYPES[dtype.newbyteorder("=")]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One declared input or output."""

    name: str
    datatype: str
    """A key of DTYPES."""
    shape: tuple[int, ...]
    """FREE where any length goes; () is a scalar."""
    columns: tuple[str, ...] = ()
    """Names along the last axis, where it has them: the features of a tabular input."""
    optional: bool = False
    """An input that a request may leave out."""
    missing: bool = False
    """Whether a value of this input may be missing: null in JSON, an empty cell in CSV. Where one is, the array has dtype object
    and None in that place. Floating point needs no such mark: there null is NaN."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. Frozen and made of plain values: it travels between processes and into JSON.

    A classifier's outputs say which is which: `label` names the output that holds one label a row, `scores` the one that holds
    one number a class and row, in the order of `classes`. Either may be absent ("").
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    task: Task = "tensors"
    classes: tuple[Scalar, ...] = ()
    label: str = ""
    scores: str = ""
    rows: bool = True
    """False where free first axes are no rows, but lengths of their own: queries and documents, or the boxes found in images."""
    fitted: tuple[str, ...] = ()
    """All columns of the table that the model was fitted with, in order. Requests may hold those that are no inputs; their values
    are not read. Empty where all of them are inputs."""

    @property
    def rowwise(self) -> bool:
        """Whether one request may hold many rows: every input and output has a free first axis, and it is the rows."""
        return self.rows and all(spec.shape[:1] == (FREE,) for spec in (*self.inputs, *self.outputs))


@dataclass(slots=True)
class InferRequest:
    """A decoded and validated request for one version of one model."""

    inputs: Tensors
    rows: int
    """The length of the first axis that all inputs share; 1 where the model is not rowwise."""
    outputs: tuple[str, ...]
    """Names of the outputs wanted, in this order; never empty."""

    def with_inputs(self, inputs: Tensors) -> "InferRequest":
        """The same with other values of the same shapes."""
        return InferRequest(inputs, self.rows, self.outputs)
