"""Decodes a ModelInferRequest without protobuf if it differs from an earlier one only in the values of its tensors.

Clients send the same message repeatedly, with other values. The bytes before the values are compared instead of parsed and
checked again. That is safe: a message is a concatenation of fields, so two messages mean the same if all bytes are equal except the
contents of `raw_input_contents`, which come last and have the same lengths.
Source: https://protobuf.dev/programming-guides/encoding/ (Last One Wins: merging is concatenation)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError

from modelyard.protocols.grpc.frames import PREFIX
from modelyard.protocols.grpc.messages import RAW_INPUT, ModelInferRequest, field_head
from modelyard.protocols.oip.raw_offsets import MAX_HEADER_BYTES, RawOffset, raw_offset_of, read_at_offsets
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.values.bounded_cache import BoundedCache
from modelyard.tensors import Tensors

T = TypeVar("T")

MAX_PER_LENGTH = 4
"""Templates for bodies of the same length."""


@dataclass(frozen=True, slots=True)
class _Template(Generic[T]):
    """The bytes that bodies share, and how they are decoded."""

    head: bytes
    """From the frame's first byte to the first value."""
    fixed_parts: tuple[tuple[int, bytes], ...]
    """The bytes between the values of two inputs, each with its offset."""
    offsets: tuple[RawOffset, ...]
    decoded: T


class RequestTemplateCache(Generic[T]):
    """Templates of earlier bodies, each with the decoded request."""

    def __init__(self) -> None:
        self._templates: BoundedCache[int, list[_Template[T]]] = BoundedCache()
        """By the length of a body."""

    def find(self, body: bytes) -> tuple[T, Tensors] | None:
        """The decoded request of the template that matches a body (a message in its frame), and the body's own tensors."""
        for template in self._templates.get(len(body), ()):
            if not body.startswith(template.head):
                continue
            for at, fixed in template.fixed_parts:
                if not body.startswith(fixed, at):
                    break
            else:
                return template.decoded, read_at_offsets(body, template.offsets)
        return None

    def remember(self, body: bytes, message: Any, slots: Sequence[Slot], decoded: T) -> None:
        """Store a template: a body, its decoded message, the slots of its tensors, and the decoded request.

        Nothing is stored if the values of each request must be checked.
        """
        templates = self._templates.get(len(body), [])
        if message.id or len(templates) == MAX_PER_LENGTH:  # an id differs in each message
            return
        template = _template(body, message, slots, decoded)
        if template is None:
            return
        self._templates.put(len(body), [*templates, template])


def _template(body: bytes, message: Any, slots: Sequence[Slot], decoded: T) -> _Template[T] | None:
    """A template, or None if the values are not at the end of the message or must be checked in each request."""
    if body[0]:
        return None  # compressed
    offsets: list[RawOffset] = []
    fixed_parts: list[tuple[int, bytes]] = []
    at = len(body)
    sent = zip(reversed(message.inputs), reversed(slots), reversed(message.raw_input_contents), strict=False)
    for tensor, slot, raw in sent:
        at -= len(raw)
        offset = raw_offset_of(slot, tensor.shape, at, len(raw))
        if offset is None:
            return None
        offsets.append(offset)
        head = field_head(RAW_INPUT, len(raw))
        at -= len(head)
        fixed_parts.append((at, head))
    if not offsets or at > MAX_HEADER_BYTES:
        return None
    # If the rest is a message without raw contents, then all raw contents are behind it, and fill these bytes exactly.
    try:
        before = ModelInferRequest.FromString(body[PREFIX.size : at])
    except DecodeError:
        return None
    if before.raw_input_contents:
        return None
    _, first = fixed_parts.pop()
    return _Template(body[: at + len(first)], tuple(reversed(fixed_parts)), tuple(reversed(offsets)), decoded)
