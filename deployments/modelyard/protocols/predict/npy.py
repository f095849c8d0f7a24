"""Reads and writes NumPy's file format (.npy), versions 1 and 2: one array.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
from math import prod

import numpy as np
from numpy.lib import format as npy

from modelyard.errors import InvalidRequest, NotAcceptable
from modelyard.protocols.oip.inputs import ModelInputs
from modelyard.protocols.oip.tensors import texts
from modelyard.protocols.values.conversion import convertible
from modelyard.tensors import Array, InferRequest, Signature, datatype_of

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
MAX_HEADER_BYTES = 10_000
"""The header of an array without fields has about 100 bytes."""


class NpyReader:
    """Reads the one input of a model."""

    def __init__(self, signature: Signature, *, max_rows: int) -> None:
        self._signature = signature
        self._inputs = ModelInputs(signature, max_rows=max_rows)

    def read(self, body: bytes) -> InferRequest:
        """The request for all outputs. Raises InvalidRequest.

        Numbers of another type are converted if no value changes. Floats may lose digits, as those of JSON do.
        """
        required = [spec for spec in self._signature.inputs if not spec.optional]
        if len(required) != 1:
            raise InvalidRequest(
                f"an array can only be sent to a model with one required input; this has {len(required)}"
            )
        [spec] = required
        array = read_npy(body)
        try:
            datatype = datatype_of(array.dtype)
        except KeyError:
            raise InvalidRequest(
                f"an array of {array.dtype} is not supported, only numbers, booleans and strings are"
            ) from None
        if not convertible(datatype, spec.datatype):
            raise InvalidRequest(f"expected an array of {spec.datatype}, got {datatype}")
        if datatype == "BYTES":
            array = _to_strings(array)
        [slot] = self._inputs.slots([(spec.name, datatype, array.shape)])
        return self._inputs.request([(slot, slot.fit(array, rounded=True))])


def read_npy(body: bytes) -> Array:
    """The array, with its own memory. Arrays of Python objects are rejected. Raises InvalidRequest."""
    file = io.BytesIO(body)
    try:
        version = npy.read_magic(file)
        shape, fortran, dtype = _HEADERS[version](file, max_header_size=MAX_HEADER_BYTES)
    except Exception:  # noqa: BLE001 - numpy uses Python's parser, which raises many kinds of errors
        raise InvalidRequest("the body is not a valid .npy file (numpy.save)") from None
    if dtype.hasobject or dtype.subdtype or not dtype.itemsize:
        raise InvalidRequest(f"an array of {dtype} is not supported, only numbers, booleans and strings are")
    values = memoryview(body)[file.tell() :]
    if len(values) != prod(shape) * dtype.itemsize:
        raise InvalidRequest(
            f"the array's header says {prod(shape) * dtype.itemsize} bytes of values, got {len(values)}"
        )
    try:
        flat = np.frombuffer(values, dtype) if len(values) else np.empty(0, dtype)
        return np.array(flat.reshape(shape, order="F" if fortran else "C"), order="C")
    except ValueError:  # no values, and an axis that is too long for an array
        raise InvalidRequest("the array's shape is too large") from None


def write_npy(array: Array) -> bytes:
    """The file, with strings as fixed-length numpy strings. Raises NotAcceptable if numpy cannot represent the values."""
    if array.dtype.kind == "O":
        values = [
            value.decode() if isinstance(value, bytes) and value.isascii() else value
            for value in array.ravel().tolist()
        ]
        if not all(isinstance(value, str) for value in values):
            raise NotAcceptable(
                "bytes that are not UTF-8, and values of several types, cannot be sent as an array; request JSON"
            )
        if any(value.endswith("\0") for value in values):
            raise NotAcceptable("numpy strings lose zero bytes at their end; request JSON")
        array = np.array(values, np.str_).reshape(array.shape)
    file = io.BytesIO()
    npy.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def _to_strings(array: Array) -> Array:
    """Numpy strings as Python strings; bytes are decoded if they are UTF-8."""
    if array.dtype.kind == "S":
        return texts(array.ravel().tolist()).reshape(array.shape)
    return array.astype(np.object_)
