"""ModelInferRequests that differ from an earlier one in the values of their tensors alone, read without protobuf. Pure.

A client sends the same message again and again, with other values: what stands before the values is compared instead of parsed and
checked again. That is as safe as parsing: a message is the fields of its pieces, one after the other, so bytes that are equal up to
`raw_input_contents`, which come last and have the same lengths, say the same.
Source: https://protobuf.dev/programming-guides/encoding/ (Last One Wins: merging is concatenation)
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from google.protobuf.message import DecodeError

from deployments.protocols.grpc.frames import PREFIX
from deployments.protocols.grpc.messages import ModelInferRequest
from deployments.protocols.grpc.wire import RAW_INPUT, field_head
from deployments.protocols.oip.tensors import WIRE
from deployments.tensors import DTYPES, Tensors

T = TypeVar("T")

CHECKED_BY_VALUE = ("BYTES", "BOOL", "BF16")
"""Datatypes whose bytes are looked at one by one."""
MOST_HEAD_BYTES = 4096
MOST_LENGTHS = 256
MOST_OF_A_LENGTH = 4
"""Bounds of what is kept, for clients whose messages never look alike."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an input's values stand in a body, and what they are."""

    name: str
    at: int
    wire: np.dtype[Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Form(Generic[T]):
    """What bodies that look alike share."""

    head: bytes
    """From the frame's first byte to the first value."""
    between: tuple[tuple[int, bytes], ...]
    """What stands between the values of one input and those of the next, and where."""
    places: tuple[_Place, ...]
    asked: T


class Alike(Generic[T]):
    """Remembers forms, each with what was found out about a first message of it."""

    def __init__(self) -> None:
        self._forms: dict[int, list[_Form[T]]] = {}
        """By the length of a body."""

    def find(self, body: bytes) -> tuple[T, Tensors] | None:
        """What is known about a body, a message in its frame, that looks like an earlier one; and its tensors."""
        for form in self._forms.get(len(body), ()):
            if not body.startswith(form.head):
                continue
            for at, fixed in form.between:
                if not body.startswith(fixed, at):
                    break
            else:
                # Each tensor has memory of its own: aligned, writable, and not a part of the body.
                return form.asked, {
                    place.name: np.ndarray(place.shape, place.wire, body, place.at).astype(place.dtype)
                    for place in form.places
                }
        return None

    def remember(self, body: bytes, message: Any, asked: T) -> None:
        """Keep a body, its message, which was read and checked, and what to tell of others like it; where they can be alike."""
        kept = self._forms.get(len(body), [])
        if message.id or len(kept) == MOST_OF_A_LENGTH:  # an id is another in each message
            return
        form = _form(body, message, asked)
        if form is None:
            return
        if not kept and len(self._forms) == MOST_LENGTHS:
            self._forms.clear()
        self._forms[len(body)] = [*kept, form]


def _form(body: bytes, message: Any, asked: T) -> _Form[T] | None:
    """None where a message's values do not stand at its end, or must be looked at."""
    if body[0]:
        return None  # compressed
    places: list[_Place] = []
    between: list[tuple[int, bytes]] = []
    at = len(body)
    for tensor, raw in zip(reversed(message.inputs), reversed(message.raw_input_contents), strict=False):
        if tensor.datatype in CHECKED_BY_VALUE or not raw:
            return None
        at -= len(raw)
        places.append(_Place(tensor.name, at, WIRE[tensor.datatype], DTYPES[tensor.datatype], tuple(tensor.shape)))
        head = field_head(RAW_INPUT, len(raw))
        at -= len(head)
        if at < PREFIX.size or not body.startswith(head, at):
            return None
        between.append((at, head))
    if not places or at > MOST_HEAD_BYTES:
        return None
    try:
        before = ModelInferRequest.FromString(body[PREFIX.size : at])
    except DecodeError:
        return None
    if before.raw_input_contents:
        return None
    _, first = between.pop()
    return _Form(body[: at + len(first)], tuple(reversed(between)), tuple(reversed(places)), asked)
