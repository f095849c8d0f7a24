"""A request on the slow path, and what both paths need from requests: ids, body limits and timing headers."""

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

from modelyard.errors import MethodNotAllowed, PayloadTooLarge

REQUEST_ID_CHARS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:/+=@")
MAX_REQUEST_ID_BYTES = 128
"""Enough for a UUID, a W3C trace id or a load balancer's own format."""


@dataclass(slots=True)
class HttpRequest:
    """A whole request."""

    method: str
    path: str
    """Decoded, without the query."""
    query: bytes
    headers: dict[bytes, bytes]
    """Lower-case names; of a repeated header the last."""
    body: bytes
    request_id: str
    set_held_bytes: Callable[[int], None] = lambda size: None
    """Sets the bytes in memory for this request where they are not those of `body`. Raises Overloaded if they are too many."""

    def flag(self, name: str) -> bool:
        """Whether the query contains `name=true`."""
        return flag(self.query, name)


def flag(query: bytes, name: str) -> bool:
    """Whether a query contains `name=true`."""
    values = parse_qs(query.decode("latin-1")).get(name, [])
    return bool(values) and values[-1] in ("true", "1")


def last_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of the last header with this lower-case name; b"" if there is none."""
    found = b""
    for each, value in headers:
        if each == name:
            found = value
    return found


def check_method(request: HttpRequest, *methods: str) -> None:
    """Raise MethodNotAllowed unless the request has one of these methods; HEAD is allowed where GET is."""
    allowed = (*methods, "HEAD") if "GET" in methods else methods
    if request.method in allowed:
        return
    error = MethodNotAllowed(f"{request.path} supports {' and '.join(methods)}, not {request.method}")
    error.allow = allowed
    raise error


class RequestIds:
    """Chooses request ids: the client's if it is valid, else one that is unique across processes."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex()
        self._count = itertools.count(1)

    def choose(self, client_id: bytes) -> str:
        """`client_id` (a header's value, b"" for none) if it is safe in a header and a log line, else a generated id."""
        if client_id and len(client_id) <= MAX_REQUEST_ID_BYTES and REQUEST_ID_CHARS.issuperset(client_id):
            return client_id.decode("ascii")
        return f"{self._prefix}-{next(self._count):x}"


def server_timing(queue_s: float, batch_rows: int, compute_s: float) -> bytes:
    """The `Server-Timing` value (W3C Server Timing): time in the queue, rows in the batch, time in the model; in ms."""
    return b'queue;dur=%.3f, batch;desc="%d", compute;dur=%.3f' % (queue_s * 1e3, batch_rows, compute_s * 1e3)


def body_too_large(limit: int) -> PayloadTooLarge:
    """The error for a body of more than `limit` bytes."""
    return PayloadTooLarge(f"the body is larger than the limit of {limit} bytes")
