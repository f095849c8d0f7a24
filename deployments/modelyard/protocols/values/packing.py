"""Packs nested lists of numbers into an array in one step.

`struct` converts a number as numpy does, and rejects what is not a number of the type. numpy also converts strings, so its way
needs a check of each value's type first, which takes as long as the conversion.
"""

import struct
from collections.abc import Sequence
from functools import reduce
from math import nan
from operator import iconcat
from typing import Any

import numpy as np

from modelyard.tensors import Array

MIN_VALUES = 16
"""numpy converts fewer values faster."""
PACKABLE_KINDS = frozenset("fiu")
"""Kinds of dtypes that have the same code in `struct`. Booleans are not among them: there `struct` accepts any value."""


def is_large(values: Any, axes: int) -> bool:
    """Whether nested lists have MIN_VALUES or more, if all lists of an axis are as long as the first one.

    Raises TypeError or LookupError for values that are not such lists.
    """
    count = len(values)
    while count < MIN_VALUES and axes > 1:
        values = values[0]
        count *= len(values)
        axes -= 1
    return count >= MIN_VALUES


def packed(values: Sequence[Any], axes: int, dtype: np.dtype[Any]) -> Array | None:
    """The array of lists nested `axes` deep, or None if they are empty or not of equal lengths.

    Among floats, null becomes NaN, and a number that is too large for FP32 infinite. Raises struct.error, TypeError, LookupError or
    OverflowError for a value that is not a number of this dtype.
    """
    shape = [len(values)]
    flat: Sequence[Any] = values
    for _ in range(axes - 1):
        lengths = set(map(len, flat))
        if len(lengths) != 1:
            return None
        shape += lengths
        flat = flat[0] if len(flat) == 1 else reduce(iconcat, flat, [])
    if not flat:
        return None
    array = np.empty(shape, dtype)
    layout = f"{len(flat)}{dtype.char}"
    try:
        struct.pack_into(layout, array.data, 0, *flat)
    except struct.error:
        if None not in flat:
            raise
        struct.pack_into(layout, array.data, 0, *(nan if value is None else value for value in flat))
    return array
