"""Byte offsets of raw contents in a body, cached for later bodies with the same header."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.oip.tensors import WIRE
from modelyard.tensors import Tensors

CHECKED_BY_VALUE = ("BYTES", "BOOL", "BF16")
"""Datatypes whose values are checked or converted one by one."""
MAX_HEADER_BYTES = 4096
"""The longest header that is cached."""


@dataclass(frozen=True, slots=True)
class RawOffset:
    """The values of one input in a body."""

    name: str
    at: int
    wire: np.dtype[Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def raw_offset_of(slot: Slot, shape: Sequence[int], at: int, size: int) -> RawOffset | None:
    """The offset of raw contents of `size` bytes; None if the values of each request must be checked.

    `shape` is the shape in the request.
    """
    if slot.datatype in CHECKED_BY_VALUE or not size or not slot.value_independent:
        return None
    return RawOffset(
        slot.input, at, WIRE[slot.datatype], slot.dtype, tuple(shape) if slot.shape is None else slot.shape
    )


def read_at_offsets(body: bytes, offsets: Iterable[RawOffset], start: int = 0) -> Tensors:
    """Each input with its own memory: aligned, writable, and not a view of the body. Offsets count from `start`."""
    return {
        offset.name: np.ndarray(offset.shape, offset.wire, body, start + offset.at).astype(offset.dtype)
        for offset in offsets
    }
