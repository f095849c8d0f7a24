"""Where the raw contents of inputs stand in a body that looks like an earlier one, whose description of them was checked. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.oip.tensors import WIRE
from modelyard.tensors import Tensors

CHECKED_BY_VALUE = ("BYTES", "BOOL", "BF16")
"""Datatypes whose bytes are looked at one by one."""
MOST_DESCRIPTION_BYTES = 4096
"""The longest description that is remembered."""


@dataclass(frozen=True, slots=True)
class RawOffset:
    """One input's values in a body."""

    name: str
    at: int
    wire: np.dtype[Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def raw_offset_of(slot: Slot, shape: Sequence[int], at: int, size: int) -> RawOffset | None:
    """The place of raw contents of `size` bytes that were checked once; None where each time's values must be.

    `shape` is the one that the request describes.
    """
    if slot.datatype in CHECKED_BY_VALUE or not size or not slot.plain:
        return None
    return RawOffset(
        slot.input, at, WIRE[slot.datatype], slot.dtype, tuple(shape) if slot.shape is None else slot.shape
    )


def read_at_offsets(body: bytes, places: Iterable[RawOffset]) -> Tensors:
    """Each input with memory of its own: aligned, writable, and not a part of the body."""
    return {place.name: np.ndarray(place.shape, place.wire, body, place.at).astype(place.dtype) for place in places}
