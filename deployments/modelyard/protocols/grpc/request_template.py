"""ModelInferRequests that differ from an earlier one in the values of their tensors alone, read without protobuf. Pure.

A client sends the same message again and again, with other values: what stands before the values is compared instead of parsed and
checked again. That is as safe as parsing: a message is the fields of its pieces, one after the other, so bytes that are equal up to
`raw_input_contents`, which come last and have the same lengths, say the same.
Source: https://protobuf.dev/programming-guides/encoding/ (Last One Wins: merging is concatenation)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError

from modelyard.protocols.grpc.frames import PREFIX
from modelyard.protocols.grpc.messages import RAW_INPUT, ModelInferRequest, field_head
from modelyard.protocols.oip.raw_offsets import MOST_DESCRIPTION_BYTES, RawOffset, raw_offset_of, read_at_offsets
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.values.bounded_cache import BoundedCache
from modelyard.tensors import Tensors

T = TypeVar("T")

MOST_OF_A_LENGTH = 4
"""Forms that are kept of bodies of one length."""


@dataclass(frozen=True, slots=True)
class _Form(Generic[T]):
    """What bodies that look alike share."""

    head: bytes
    """From the frame's first byte to the first value."""
    between: tuple[tuple[int, bytes], ...]
    """What stands between the values of one input and those of the next, and where."""
    places: tuple[RawOffset, ...]
    asked: T


class RequestTemplateCache(Generic[T]):
    """Remembers forms, each with what was found out about a first message of it."""

    def __init__(self) -> None:
        self._forms: BoundedCache[int, list[_Form[T]]] = BoundedCache()
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
                return form.asked, read_at_offsets(body, form.places)
        return None

    def remember(self, body: bytes, message: Any, slots: Sequence[Slot], asked: T) -> None:
        """Keep a body, its message, which was read and checked, where its tensors go, and what is known of others like it.

        Nothing is kept where values must be looked at each time.
        """
        kept = self._forms.get(len(body), [])
        if message.id or len(kept) == MOST_OF_A_LENGTH:  # an id is another in each message
            return
        form = _form(body, message, slots, asked)
        if form is None:
            return
        self._forms.keep(len(body), [*kept, form])


def _form(body: bytes, message: Any, slots: Sequence[Slot], asked: T) -> _Form[T] | None:
    """None where a message's values do not stand at its end, or must be looked at."""
    if body[0]:
        return None  # compressed
    places: list[RawOffset] = []
    between: list[tuple[int, bytes]] = []
    at = len(body)
    sent = zip(reversed(message.inputs), reversed(slots), reversed(message.raw_input_contents), strict=False)
    for tensor, slot, raw in sent:
        at -= len(raw)
        place = raw_offset_of(slot, tensor.shape, at, len(raw))
        if place is None:
            return None
        places.append(place)
        head = field_head(RAW_INPUT, len(raw))
        at -= len(head)
        if at < PREFIX.size or not body.startswith(head, at):
            return None
        between.append((at, head))
    if not places or at > MOST_DESCRIPTION_BYTES:
        return None
    try:
        before = ModelInferRequest.FromString(body[PREFIX.size : at])
    except DecodeError:
        return None
    if before.raw_input_contents:
        return None
    _, first = between.pop()
    return _Form(body[: at + len(first)], tuple(reversed(between)), tuple(reversed(places)), asked)
