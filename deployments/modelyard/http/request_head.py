"""The size limit of a request's head: its URL and headers."""

from collections.abc import Iterable

from modelyard.http.endpoint import Header

MAX_HEAD_BYTES = 48 * 1024
"""The edge's limit. It also applies to clients that connect to a replica's own port."""


class RequestHead:
    """The size of the next head on a connection. Most heads arrive in one small chunk, and are not measured."""

    __slots__ = ("in_parts", "later_bytes")

    def __init__(self) -> None:
        self.in_parts = False
        """Whether it may be too large."""
        self.later_bytes = 0
        """Bytes received behind its first chunk."""

    def feed(self, data: bytes, *, begun: bool) -> None:
        """Count the next bytes of the connection. `begun` says that they continue the head."""
        self.in_parts = True
        if begun:
            self.later_bytes += len(data)

    def fits(self, url: bytes, headers: Iterable[Header]) -> bool:
        """Whether the head, which is complete, is within the limit."""
        self.in_parts, self.later_bytes = False, 0
        return len(url) + sum(len(name) + len(value) + 4 for name, value in headers) <= MAX_HEAD_BYTES
