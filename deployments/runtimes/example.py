"""An example made up from a signature, for a model that tells nothing better. Pure."""

from collections.abc import Sequence

import numpy as np

from deployments.tensors import DTYPES, FREE, Array, Tensors, TensorSpec

ROWS = 2
"""How long a free first axis is."""


def example(inputs: Sequence[TensorSpec], length: int = 1) -> Tensors:
    """Two different rows of zeros and ones, or "a" and "b", for every input that must be there, or for all where none must.

    `length` is how long a free axis is that is not the rows.
    """
    required = [spec for spec in inputs if not spec.optional]
    return {spec.name: _example(spec, length) for spec in required or inputs}


def _example(spec: TensorSpec, length: int) -> Array:
    first = ROWS if spec.shape[:1] == (FREE,) else None
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
