"""The head of a request while it comes: how much there is of it."""

from collections.abc import Iterable

from deployments.lane.endpoint import Header

MOST_BYTES = 48 * 1024
"""As much as the edge lets through. Whoever connects to a replica's own port gets no more."""


class Head:
    """Of the next request on a connection. Most come whole, in one piece."""

    __slots__ = ("in_parts", "later_bytes", "open")

    def __init__(self) -> None:
        self.open = False
        """Whether it has begun, and is not complete."""
        self.in_parts = False
        """Whether it may be too large: one that came in one small piece is not looked at."""
        self.later_bytes = 0
        """What came of it behind its first piece."""

    def feed(self, data: bytes) -> None:
        """The next bytes of the connection."""
        if self.open:
            self.in_parts = True
            self.later_bytes += len(data)
        elif len(data) > MOST_BYTES:
            self.in_parts = True

    def complete(self, url: bytes, headers: Iterable[Header]) -> bool:
        """It is there as a whole. Whether it is small enough."""
        self.open = False
        if not self.in_parts:
            return True
        self.in_parts, self.later_bytes = False, 0
        return len(url) + sum(len(name) + len(value) + 4 for name, value in headers) <= MOST_BYTES
