"""An example made up from a signature, for a model that tells nothing better. Pure."""

from collections.abc import Sequence

import numpy as np

from deployments.tensors import DTYPES, FREE, Array, Tensors, TensorSpec

FREE_AXIS = 1
"""How long a free axis is that is not the rows."""


def example(inputs: Sequence[TensorSpec]) -> Tensors:
    """Two different rows of zeros and ones, or "a" and "b", for every input that must be there."""
    return {spec.name: _example(spec) for spec in inputs if not spec.optional}


def _example(spec: TensorSpec) -> Array:
    first = 2 if spec.shape[:1] == (FREE,) else None
    shape = tuple(FREE_AXIS if axis == FREE else axis for axis in spec.shape)
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
