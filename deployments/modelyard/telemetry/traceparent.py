"""Parses the `traceparent` header (W3C Trace Context, level 1)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

NAME = b"traceparent"
FIELDS = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
FORBIDDEN_VERSION = b"ff"
SAMPLED = 1
"""The only flag of level 1. Other flags are ignored."""


class TraceParent(NamedTuple):
    """The caller's span."""

    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits."""
    sampled: bool
    """Whether the caller records the trace."""


def parse(value: bytes) -> TraceParent | None:
    """The caller's span from the header's value; None if it is invalid, which counts as no header."""
    fields = FIELDS.fullmatch(value)
    if fields is None:
        return None
    version, trace_id, span_id, flags, more = fields.groups()
    # A later version may append fields.
    if version == FORBIDDEN_VERSION or (version == b"00" and more is not None):
        return None
    parent = TraceParent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & SAMPLED))
    return parent if parent.trace_id and parent.span_id else None


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> TraceParent | None:
    """The caller's span from a request's headers (lower-case names). None if the header occurs twice, which is ambiguous."""
    found = None
    for name, value in headers:
        if name == NAME:
            if found is not None:
                return None
            found = value
    return None if found is None else parse(found)
