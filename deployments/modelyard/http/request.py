"""What every HTTP endpoint needs before it looks at a body: the request, its id, and the timing header of its answer."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from modelyard.errors import PayloadTooLarge

REQUEST_ID_CHARS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=@")
REQUEST_ID_LENGTH = 128
"""Bytes; enough for a UUID, a W3C trace id or a load balancer's own form."""


@dataclass(slots=True)
class HttpRequest:
    """A whole request, wherever it came in."""

    method: str
    path: str
    """Decoded, without the query."""
    query: bytes
    headers: dict[bytes, bytes]
    """Lower-case names; of a repeated header the last."""
    body: bytes
    request_id: str
    holds: Callable[[int], None] = lambda size: None
    """Call it with the bytes held for this request where they are not those of `body`. Raises Overloaded if they are too many."""

    def flag(self, name: str) -> bool:
        """Whether the query holds `name=true`."""
        return flag(self.query, name)


def flag(query: bytes, name: str) -> bool:
    """Whether a query holds `name=true`."""
    values = parse_qs(query.decode("latin-1")).get(name, [])
    return bool(values) and values[-1] in ("true", "1")


class RequestIds:
    """Request ids: a client's own where it is clean, else one that no other process makes."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex()
        self._count = itertools.count(1)

    def choose(self, offered: bytes) -> str:
        """`offered` (a header's value, b"" for none) if it can stand in a header and a log line as it is, else a new id."""
        if offered and len(offered) <= REQUEST_ID_LENGTH and REQUEST_ID_CHARS.issuperset(offered):
            return offered.decode("ascii")
        return f"{self._prefix}-{next(self._count):x}"


def server_timing(queue_s: float, batch_rows: int, compute_s: float) -> bytes:
    """The `Server-Timing` value (W3C Server Timing): time in the queue, rows in the batch, time in the model; in ms."""
    return b'queue;dur=%.3f, batch;desc="%d", compute;dur=%.3f' % (queue_s * 1e3, batch_rows, compute_s * 1e3)


def body_too_large(limit: int) -> PayloadTooLarge:
    """The error for a body of more than `limit` bytes."""
    return PayloadTooLarge(f"the body has more than {limit} bytes, the most that is taken")
