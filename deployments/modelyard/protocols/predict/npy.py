"""NumPy's own file format (.npy), versions 1 to 3: one array. Pure.

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
LARGEST_HEADER = 10_000
"""Bytes; that of an array without fields has about 100."""


class NpyReader:
    """Reads the one input of a model."""

    def __init__(self, signature: Signature, *, max_rows: int) -> None:
        self._signature = signature
        self._inputs = ModelInputs(signature, max_rows=max_rows)

    def read(self, body: bytes) -> InferRequest:
        """The request for all outputs. Raises InvalidRequest.

        Numbers of another type are accepted where that changes no value; floats may lose digits, as those of JSON do.
        """
        required = [spec for spec in self._signature.inputs if not spec.optional]
        if len(required) != 1:
            raise InvalidRequest(f"one array is for models of one input, and this one has {len(required)}")
        [spec] = required
        array = read_npy(body)
        try:
            own = datatype_of(array.dtype)
        except KeyError:
            raise InvalidRequest(f"an array of {array.dtype} is not taken, only numbers, booleans and texts") from None
        if not convertible(own, spec.datatype):
            raise InvalidRequest(f"expected an array of {spec.datatype}, got {own}")
        if own == "BYTES":
            array = _texts(array)
        [slot] = self._inputs.slots([(spec.name, own, array.shape)])
        return self._inputs.request([(slot, slot.fitted(array, rounded=True))])


def read_npy(body: bytes) -> Array:
    """The array, with memory of its own. Python objects are not taken. Raises InvalidRequest."""
    file = io.BytesIO(body)
    try:
        version = npy.read_magic(file)
        shape, fortran, dtype = _HEADERS[version](file, max_header_size=LARGEST_HEADER)
    except Exception:  # noqa: BLE001 - numpy gives the header to Python's own parsers, whose errors are of many kinds
        raise InvalidRequest("the body is no array as numpy.save writes it") from None
    if dtype.hasobject or dtype.names or dtype.subdtype or not dtype.itemsize:
        raise InvalidRequest(f"an array of {dtype} is not taken, only numbers, booleans and texts")
    values = memoryview(body)[file.tell() :]
    if len(values) != prod(shape) * dtype.itemsize:
        raise InvalidRequest(
            f"the array's header says {prod(shape) * dtype.itemsize} bytes of values, and {len(values)} came"
        )
    try:
        flat = np.frombuffer(values, dtype) if len(values) else np.empty(0, dtype)
        return np.array(flat.reshape(shape, order="F" if fortran else "C"), order="C")
    except ValueError:  # no values, and an axis that no array can have
        raise InvalidRequest("the array's shape is too large") from None


def write_npy(array: Array) -> bytes:
    """The array, texts as numpy's own. Raises NotAcceptable for what is neither numbers nor texts that numpy can hold."""
    if array.dtype.kind == "O":
        values = [
            value.decode() if isinstance(value, bytes) and value.isascii() else value
            for value in array.ravel().tolist()
        ]
        if not all(isinstance(value, str) for value in values):
            raise NotAcceptable("bytes that are no text, and values of several types, fit into no array; ask for JSON")
        if any(value.endswith("\0") for value in values):
            raise NotAcceptable("numpy's texts lose zeros at their end; ask for JSON")
        array = np.array(values, np.str_).reshape(array.shape)
    file = io.BytesIO()
    npy.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def _texts(array: Array) -> Array:
    """Texts of numpy's as models get them from JSON; bytes are text where all of them are UTF-8."""
    if array.dtype.kind == "S":
        return texts(array.ravel().tolist()).reshape(array.shape)
    return array.astype(np.object_)
