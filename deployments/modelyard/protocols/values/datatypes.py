"""How a JSON value of each datatype is read, and the error for every other value.

A string such as "1" is not a number. true and false are 1 and 0 where numbers are expected, since the model may have been
fitted with numbers for a boolean column of a table.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from modelyard.tensors import DTYPES
from modelyard.text.decoding import text_or_bytes
from modelyard.text.quoting import described

ReadValue = Callable[[Any], Any]
"""Converts a JSON value to one for numpy. The ValueError says what was expected and what was found."""

MAX_EXACT_INTEGER = 2**53
"""Doubles represent every integer up to here. Beyond it, a number such as 1e17 may have been rounded."""
BASE64_KEY = "b64"
"""`{"b64": "..."}` holds bytes that are not UTF-8, as in TensorFlow Serving."""


@dataclass(frozen=True, slots=True)
class Datatype:
    """How a datatype's values are read."""

    dtype: np.dtype[Any]
    fast_types: frozenset[type]
    """If all values have these types, numpy converts them as `read` does, or raises."""
    may_overflow: bool
    """Whether the conversion can make a finite number infinite."""
    read: ReadValue


def _float(name: str) -> Datatype:
    dtype = DTYPES[name]
    limits = np.finfo(dtype)
    # Half a step above the largest number. From there on, rounding gives infinity.
    limit = inf if name == "FP64" else float(limits.max) + 2.0 ** (limits.maxexp - limits.nmant - 2)

    def read(value: Any) -> Any:
        kind = type(value)
        if kind is float or kind is int or kind is bool:
            if abs(value) < limit:
                return value
            raise ValueError(f"expected a number up to {limits.max:g} ({name}), got {described(value)}")
        if value is None:
            return nan
        raise ValueError(f"expected a number, got {described(value)}")

    return Datatype(dtype, frozenset((float, int, bool, type(None))), name != "FP64", read)


def _integer(name: str) -> Datatype:
    dtype = DTYPES[name]
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def read(value: Any) -> Any:
        kind = type(value)
        if (kind is float and value.is_integer()) or kind is int:
            if low <= value <= high and (kind is int or abs(value) <= MAX_EXACT_INTEGER):
                return int(value)
            exact = "" if kind is int else ", written without an exponent or fraction"
            raise ValueError(f"expected a whole number from {low} to {high} ({name}){exact}, got {described(value)}")
        if kind is bool:
            return int(value)
        raise ValueError(f"expected a whole number, got {described(value)}")

    return Datatype(dtype, frozenset((int, bool)), False, read)


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    raise ValueError(f"expected true or false, got {described(value)}")


def _string(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) is dict and value.keys() == {BASE64_KEY}:
        try:
            return text_or_bytes(b64decode(value[BASE64_KEY], validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise ValueError(f'expected base64 in "{BASE64_KEY}", got {described(value[BASE64_KEY])}') from None
    raise ValueError(f"expected a string, got {described(value)}")


DATATYPES: Mapping[str, Datatype] = {
    "BOOL": Datatype(DTYPES["BOOL"], frozenset((bool,)), False, _boolean),
    "BYTES": Datatype(DTYPES["BYTES"], frozenset((str,)), False, _string),
    **{name: _float(name) for name, dtype in DTYPES.items() if dtype.kind == "f"},
    **{name: _integer(name) for name, dtype in DTYPES.items() if dtype.kind in "iu"},
}
