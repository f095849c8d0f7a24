"""The `traceparent` header (W3C Trace Context, level 1): which trace a request is part of, and whether that is recorded."""

import re
from collections.abc import Iterable
from typing import NamedTuple

NAME = b"traceparent"
FIELDS = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
FORBIDDEN_VERSION = b"ff"
SAMPLED = 1
"""The one flag of level 1; whoever sets others means something by them that is not for us."""


class TraceParent(NamedTuple):
    """The caller's span."""

    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits."""
    sampled: bool
    """Whether the caller records the trace."""


def parse(value: bytes) -> TraceParent | None:
    """What the header says, None where it is garbled: such a one counts as none at all."""
    fields = FIELDS.fullmatch(value)
    if fields is None:
        return None
    version, trace_id, span_id, flags, more = fields.groups()
    # A later version may say more behind these fields, which keep their places.
    if version == FORBIDDEN_VERSION or (version == b"00" and more is not None):
        return None
    parent = TraceParent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & SAMPLED))
    return parent if parent.trace_id and parent.span_id else None


def of_headers(headers: Iterable[tuple[bytes, bytes]]) -> TraceParent | None:
    """The caller's span by a request's headers (lower-case names). Two such headers name two callers: then there is none."""
    found = None
    for name, value in headers:
        if name == NAME:
            if found is not None:
                return None
            found = value
    return None if found is None else parse(found)
