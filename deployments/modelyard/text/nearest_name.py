"""The nearest name, for "did you mean ...?"."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

LONGEST = 100
"""Characters. Comparing takes the square of the length, and clients choose what they send."""
MOST = 1000
"""Known names that are looked at."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one was probably meant to be, or None."""
    if len(name) > LONGEST:
        return None
    found = get_close_matches(name, list(islice(known, MOST)), 1)
    return found[0] if found else None
