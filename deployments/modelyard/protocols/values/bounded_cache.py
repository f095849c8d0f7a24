"""What was found out once about something that comes again and again. Pure."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST_KEPT = 256
"""For clients and models of which nothing ever comes again."""


class BoundedCache(dict[K, V]):
    """A dict of MOST_KEPT entries at most: where one more would stand, it begins anew."""

    def keep(self, key: K, value: V) -> None:
        """Set an entry."""
        if len(self) == MOST_KEPT and key not in self:
            self.clear()
        self[key] = value
