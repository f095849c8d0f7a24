"""Limits the memory for request bodies. The large bodies of a process share a budget; small ones are not counted.

A body is counted from its first bytes until its response, so that slow clients cannot fill the memory either.
"""

from collections.abc import Callable

from modelyard.errors import ModelyardError, Overloaded
from modelyard.http.request import body_too_large

SMALL_BYTES = 2**16
"""Bodies up to this size are not counted: the number of connections limits them."""
MAX_LARGEST_BODIES = 4
"""The budget, in bodies of the largest size."""
NO_ROOM = "the server has no memory left for large requests; retry later"


class BodyBudget:
    """The budget of one process."""

    def __init__(self, limit: int) -> None:
        """`limit` is the largest body, in bytes."""
        self.set_limit(limit)
        self.held_bytes = 0
        self.released: Callable[[], object] = _nothing
        """Called when counted bytes were released."""
        self.limit_at: Callable[[str], int | None] | None = None
        """The limit of a path where paths have limits of their own; None for one without."""

    def set_limit(self, limit: int, smallest: int | None = None) -> None:
        """Limit the bodies from now on; bytes that are held stay. `smallest` is the smallest limit of a path."""
        self.limit = limit
        self.unchecked_bytes = min(limit if smallest is None else smallest, SMALL_BYTES)
        """Bodies up to this size are never rejected."""
        self._max_held_bytes = MAX_LARGEST_BODIES * limit

    def largest(self, path: str) -> int:
        """The largest body that this path accepts, in bytes."""
        own = None if self.limit_at is None else self.limit_at(path)
        return self.limit if own is None else own

    def rejection(self, size: int, path: str) -> ModelyardError | None:
        """The error for a body that will have this many bytes, or None if it can be accepted. `path` may have a query."""
        if size > (limit := self.largest(path)):
            return body_too_large(limit)
        return Overloaded(NO_ROOM) if size > SMALL_BYTES and not self.has_room(size) else None

    def has_room(self, size: int) -> bool:
        """Whether the budget has room for this many further bytes."""
        return self.held_bytes + size <= self._max_held_bytes


class HeldBytes:
    """One request's share of the budget."""

    __slots__ = ("_bodies", "counted")

    def __init__(self, bodies: BodyBudget) -> None:
        self._bodies = bodies
        self.counted = 0

    def set_to(self, size: int) -> None:
        """Set the bytes that the request holds. Raises Overloaded, and changes nothing, if they are too many."""
        bodies, counted = self._bodies, size if size > SMALL_BYTES else 0
        increase = counted - self.counted
        if increase > 0 and not bodies.has_room(increase):
            raise Overloaded(NO_ROOM)
        self.counted = counted
        bodies.held_bytes += increase
        if increase < 0:
            bodies.released()

    def set_to_body(self, size: int, path: str) -> None:
        """The same for the bytes of a body. Also raises PayloadTooLarge if they are more than a body at this path may have."""
        if size > (limit := self._bodies.largest(path)):
            raise body_too_large(limit)
        self.set_to(size)

    def release(self) -> None:
        """The request holds nothing any more."""
        if self.counted:
            self.set_to(0)


def _nothing() -> None:
    pass
