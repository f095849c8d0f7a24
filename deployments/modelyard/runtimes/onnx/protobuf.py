"""Reads the fields of a protobuf message on demand. Pure.

Source: https://protobuf.dev/programming-guides/encoding. The `onnx` package would use 30 MB of every replica's memory, and would
copy a model's weights to read its operators. This reader skips the weights.
"""

import struct
from collections.abc import Iterator
from typing import TypeAlias

Field: TypeAlias = int | memoryview
"""A number as encoded, or the bytes of a string, a message, a packed list or a float."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_NEGATIVE, _WRAP = 1 << 63, 1 << 64


def fields(message: memoryview) -> Iterator[tuple[int, Field]]:
    """Number and value of every field, in the order of the bytes. Raises ValueError for invalid messages."""
    offset, end = 0, len(message)
    while offset < end:
        key, offset = _varint(message, offset)
        kind = key & 7
        if kind == _VARINT:
            value, offset = _varint(message, offset)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, offset = _varint(message, offset)
        elif kind in (_EIGHT, _FOUR):
            length = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"wire type {kind}")
        if offset + length > end:
            raise ValueError("a field ends after the end of its message")
        yield key >> 3, message[offset : offset + length]
        offset += length


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The values of a repeated field of messages or strings."""
    return (value for found, value in fields(message) if found == number and isinstance(value, memoryview))


def first(message: memoryview, number: int) -> Field | None:
    """The first value of a field; None if there is none. Nothing after it is read."""
    return next((value for found, value in fields(message) if found == number), None)


def text(value: Field | None) -> str:
    """A string field; "" if it is absent."""
    return str(value, "utf-8") if isinstance(value, memoryview) else ""


def integer(value: Field | None, default: int = 0) -> int:
    """A signed number field."""
    if not isinstance(value, int):
        return default
    return value - _WRAP if value >= _NEGATIVE else value


def integers(message: memoryview, number: int) -> tuple[int, ...]:
    """A repeated field of signed numbers, packed or not."""
    found: list[int] = []
    for each, value in fields(message):
        if each != number:
            continue
        if isinstance(value, int):
            found.append(integer(value))
            continue
        offset = 0
        while offset < len(value):
            one, offset = _varint(value, offset)
            found.append(integer(one))
    return tuple(found)


def floats(message: memoryview, number: int, kind: str = "f") -> tuple[float, ...]:
    """A repeated field of floats, packed or not; `kind` is "f" or "d"."""
    size = struct.calcsize(kind)
    whole = b"".join(messages(message, number))
    return struct.unpack(f"<{len(whole) // size}{kind}", whole)


def _varint(message: memoryview, offset: int) -> tuple[int, int]:
    """A number, and the offset after it."""
    try:
        byte = message[offset]
        if byte < 0x80:
            return byte, offset + 1
        value, shift = byte & 0x7F, 7
        while True:
            offset += 1
            byte = message[offset]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, offset + 1
            shift += 7
    except IndexError:
        raise ValueError("a number ends after the end of its message") from None
