"""Checks arrays of an operator's code against its signature. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from modelyard.runtimes.base import LoadError
from modelyard.tensors import DTYPES, FREE, Array, TensorSpec

TEXT_TYPES = frozenset((str, bytes))


def example_input(spec: TensorSpec, values: Any) -> Array:
    """An example's lists as an array. Raises LoadError if they do not match the input."""
    try:
        return _checked(
            private_copy(np.asarray(values, None if spec.datatype == "BYTES" else DTYPES[spec.datatype])), spec
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise LoadError(f"`example` does not match input {spec.name!r}: {error}") from error


def checked_output(spec: TensorSpec, returned: Mapping[str, Any]) -> Array:
    """One output as an array of the declared datatype, in its own memory. Raises ValueError if that would change values or if
    the shape does not match."""
    if spec.name not in returned:
        raise ValueError(f"output {spec.name!r} is missing")
    try:
        return _checked(private_copy(np.asarray(returned[spec.name])), spec)
    except ValueError as error:
        raise ValueError(f"output {spec.name!r} does not match its signature: {error}") from error


def private_copy(array: Array) -> Array:
    """A writable copy, in C order. The operator's code may change its own array, or a view of it, at any time."""
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
    with np.errstate(over="ignore"):  # a float that is too large for its datatype becomes infinity
        cast = array.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(cast, array):
        raise ValueError(f"a value is outside the range of {spec.datatype}")
    return cast


def _texts(array: Array) -> Array:
    if array.dtype.kind in "US":
        return array.astype(object)
    kinds = {type(value) for value in array.ravel().tolist()} if array.dtype == object else {array.dtype.type}
    if not kinds <= TEXT_TYPES:
        raise ValueError(f"it contains {min(kind.__name__ for kind in kinds - TEXT_TYPES)}, not str or bytes (BYTES)")
    return array
