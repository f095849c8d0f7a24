"""The bytes of requests that a process holds at once. Large bodies share a budget; small ones always go on.

A body counts from its first pieces on until its request is answered, so that clients who send slowly cannot fill the memory either.
"""

from collections.abc import Callable

from modelyard.errors import ModelyardError, Overloaded
from modelyard.http.request import body_too_large

SMALL_BYTES = 2**16
"""BodyBudget up to this size are not counted: there are as many of them as there are connections."""
MAX_LARGEST_BODIES = 4
"""How many bodies of the largest size may be there at once."""
NO_ROOM = "the server holds as many bytes of large requests as it may; send this one again"


class BodyBudget:
    """The budget of one process."""

    def __init__(self, limit: int) -> None:
        """`limit` is the largest body, in bytes."""
        self.limit = limit
        self.unchecked = min(limit, SMALL_BYTES)
        """BodyBudget up to this size are never refused."""
        self.held = 0
        self.released: Callable[[], object] = _nothing
        """Called when bytes that counted are held no more."""
        self._most = MAX_LARGEST_BODIES * limit

    def refusal(self, size: int) -> ModelyardError | None:
        """Why a body that will have so many bytes is not taken, if so."""
        if size > self.limit:
            return body_too_large(self.limit)
        return Overloaded(NO_ROOM) if size > SMALL_BYTES and self.held + size > self._most else None

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may be held."""
        return self.held + size <= self._most


class HeldBytes:
    """What one request holds of the budget."""

    __slots__ = ("_bodies", "counted")

    def __init__(self, bodies: BodyBudget) -> None:
        self._bodies = bodies
        self.counted = 0

    def set_to(self, size: int) -> None:
        """The request holds so many bytes now. Raises Overloaded, and counts what it did before, where they are too many."""
        bodies, counted = self._bodies, size if size > SMALL_BYTES else 0
        more = counted - self.counted
        if more > 0 and not bodies.has_room(more):
            raise Overloaded(NO_ROOM)
        self.counted = counted
        bodies.held += more
        if more < 0:
            bodies.released()

    def set_to_body(self, size: int) -> None:
        """The same for bytes of a body. Raises PayloadTooLarge too, where no body may have so many."""
        if size > self._bodies.limit:
            raise body_too_large(self._bodies.limit)
        self.set_to(size)

    def release(self) -> None:
        """The request holds nothing any more."""
        if self.counted:
            self.set_to(0)


def _nothing() -> None:
    pass
