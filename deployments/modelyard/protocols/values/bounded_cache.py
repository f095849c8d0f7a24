"""A dict with a size limit."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 256
"""The limit matters for clients whose keys never repeat."""


class BoundedCache(dict[K, V]):
    """Holds at most MAX_ENTRIES. An entry beyond that clears the cache first."""

    def put(self, key: K, value: V) -> None:
        """Set an entry."""
        if len(self) == MAX_ENTRIES and key not in self:
            self.clear()
        self[key] = value
