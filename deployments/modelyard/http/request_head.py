"""The head of a request while it comes: how much there is of it."""

from collections.abc import Iterable

from modelyard.http.endpoint import Header

MAX_HEAD_BYTES = 48 * 1024
"""As much as the edge lets through. Whoever connects to a replica's own port gets no more."""


class RequestHead:
    """Of the next request on a connection. Most come whole in one small piece, and are not looked at."""

    __slots__ = ("in_parts", "later_bytes")

    def __init__(self) -> None:
        self.in_parts = False
        """Whether it may be too large."""
        self.later_bytes = 0
        """What came of it behind its first piece."""

    def feed(self, data: bytes, *, begun: bool) -> None:
        """The next bytes of the connection, and whether they go on with the head."""
        self.in_parts = True
        if begun:
            self.later_bytes += len(data)

    def fits(self, url: bytes, headers: Iterable[Header]) -> bool:
        """Whether it is small enough, now that it is complete."""
        self.in_parts, self.later_bytes = False, 0
        return len(url) + sum(len(name) + len(value) + 4 for name, value in headers) <= MAX_HEAD_BYTES
