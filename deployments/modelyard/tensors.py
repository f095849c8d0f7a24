"""Tensors and signatures, in the terms of the Open Inference Protocol.

A tensor is a numpy array. Its datatype is the protocol's name for the array's dtype. Strings and bytes are BYTES, in object arrays
of `str` or `bytes`.
Source of the names: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
"""Arrays by the name of the input or output."""

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
    """The protocol's name of a numpy dtype. Every string kind is BYTES. Raises KeyError for unsupported dtypes (complex, dates)."""
    return "BYTES" if dtype.kind in "OUS" else _DATATYPES[dtype.newbyteorder("=")]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One declared input or output."""

    name: str
    datatype: str
    """A key of DTYPES."""
    shape: tuple[int, ...]
    """FREE for an axis of any length; () is a scalar."""
    columns: tuple[str, ...] = ()
    """Names along the last axis, if it has them: the features of a tabular input."""
    optional: bool = False
    """Whether a request may omit this input."""
    missing: bool = False
    """Whether values of this input may be missing: null in JSON, an empty cell in CSV. An array with a missing value has dtype
    object, with None for that value. Floating point needs no such flag: there null is NaN."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The declared inputs and outputs of a model. Frozen plain values: it is sent between processes and converted to JSON.

    For a classifier, `label` names the output with one label per row, and `scores` the output with one number per class and row, in
    the order of `classes`. Either may be absent ("").
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    task: Task = "tensors"
    classes: tuple[Scalar, ...] = ()
    label: str = ""
    scores: str = ""
    rows: bool = True
    """False if free first axes are not rows, but independent lengths: queries and documents, or boxes found in images."""
    fitted: tuple[str, ...] = ()
    """All columns of the table that the model was fitted with, in order. Requests may contain columns that are not inputs; their
    values are not read. Empty if all columns are inputs."""

    @property
    def rowwise(self) -> bool:
        """Whether a request may contain many rows: every input and output has a free first axis, which is the rows."""
        return self.rows and all(spec.shape[:1] == (FREE,) for spec in (*self.inputs, *self.outputs))


@dataclass(slots=True)
class InferRequest:
    """A decoded and validated request for one version of one model."""

    inputs: Tensors
    rows: int
    """The length of the first axis that all inputs share; 1 if the model is not rowwise."""
    outputs: tuple[str, ...]
    """Names of the wanted outputs, in this order; never empty."""

    def with_inputs(self, inputs: Tensors) -> "InferRequest":
        """The request with other values of the same shapes."""
        return InferRequest(inputs, self.rows, self.outputs)
