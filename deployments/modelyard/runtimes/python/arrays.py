"""Arrays from an operator's code, held against what its signature says of them. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from modelyard.runtimes.base import LoadError
from modelyard.tensors import DTYPES, FREE, Array, TensorSpec

TEXT_TYPES = frozenset((str, bytes))


def example_input(spec: TensorSpec, values: Any) -> Array:
    """An example's lists as an array. Raises LoadError where they do not fit the input."""
    try:
        return _checked(
            private_copy(np.asarray(values, None if spec.datatype == "BYTES" else DTYPES[spec.datatype])), spec
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise LoadError(f"`example` does not fit input {spec.name!r}: {error}") from error


def checked_output(spec: TensorSpec, answered: Mapping[str, Any]) -> Array:
    """One output as an array of the declared datatype, with memory of its own. Raises ValueError where that would change values,
    or the shape does not fit."""
    if spec.name not in answered:
        raise ValueError(f"output {spec.name!r} was left out")
    try:
        return _checked(private_copy(np.asarray(answered[spec.name])), spec)
    except ValueError as error:
        raise ValueError(f"output {spec.name!r} is not what its signature says: {error}") from error


def private_copy(array: Array) -> Array:
    """A writable copy, in C order. Whoever holds the operator's array, or a view of it, may change that at any time."""
    return array.copy(order="C")


def _checked(array: Array, spec: TensorSpec) -> Array:
    if array.ndim != len(spec.shape) or not all(
        axis in (FREE, length) for axis, length in zip(spec.shape, array.shape, strict=True)
    ):
        raise ValueError(f"its shape is {list(array.shape)}, not {list(spec.shape)}")
    if spec.datatype == "BYTES":
        return _texts(array)
    dtype = DTYPES[spec.datatype]
    if array.dtype == dtype and array.dtype.isnative:
        return array
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"it is {array.dtype}, not {spec.datatype}")
    with np.errstate(over="ignore"):  # infinity is what a float too large for its datatype is
        cast = array.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(cast, array):
        raise ValueError(f"a value is outside of {spec.datatype}")
    return cast


def _texts(array: Array) -> Array:
    if array.dtype.kind in "US":
        return array.astype(object)
    kinds = {type(value) for value in array.ravel().tolist()} if array.dtype == object else {array.dtype.type}
    if not kinds <= TEXT_TYPES:
        raise ValueError(f"it holds {min(kind.__name__ for kind in kinds - TEXT_TYPES)}, not str or bytes (BYTES)")
    return array
