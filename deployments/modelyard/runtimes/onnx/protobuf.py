"""The fields of a protobuf message, read as they are needed. Pure.

Source: https://protobuf.dev/programming-guides/encoding. The `onnx` package would take 30 MB of every replica's memory, and would
copy a model's weights to show its operators. Here weights are stepped over.
"""

import struct
from collections.abc import Iterator
from typing import TypeAlias

Field: TypeAlias = int | memoryview
"""A number as it is encoded, or the bytes of a text, a message, a packed list or a float."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_NEGATIVE, _WRAP = 1 << 63, 1 << 64


def fields(message: memoryview) -> Iterator[tuple[int, Field]]:
    """Number and value of every field, in the order of the bytes. Raises ValueError for what is no message."""
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in (_EIGHT, _FOUR):
            length = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + length > end:
            raise ValueError("a field ends behind its message")
        yield key >> 3, message[place : place + length]
        place += length


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The values of a repeated field of messages or texts."""
    return (value for found, value in fields(message) if found == number and isinstance(value, memoryview))


def first(message: memoryview, number: int) -> Field | None:
    """The first value of a field; None where there is none. Nothing behind it is read."""
    return next((value for found, value in fields(message) if found == number), None)


def text(value: Field | None) -> str:
    """A text field; "" where it is not there."""
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
        place = 0
        while place < len(value):
            one, place = _varint(value, place)
            found.append(integer(one))
    return tuple(found)


def floats(message: memoryview, number: int, kind: str = "f") -> tuple[float, ...]:
    """A repeated field of floats, packed or not; `kind` is "f" or "d"."""
    size = struct.calcsize(kind)
    whole = b"".join(messages(message, number))
    return struct.unpack(f"<{len(whole) // size}{kind}", whole)


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number, and the place behind it."""
    try:
        byte = message[place]
        if byte < 0x80:
            return byte, place + 1
        value, shift = byte & 0x7F, 7
        while True:
            place += 1
            byte = message[place]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, place + 1
            shift += 7
    except IndexError:
        raise ValueError("a number ends behind its message") from None
