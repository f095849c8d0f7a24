"""Finds the name for "did you mean ...?"."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MAX_NAME_LENGTH = 100
"""Characters. A comparison takes quadratic time, and clients choose the name."""
MAX_KNOWN_NAMES = 1000
"""Known names to compare with."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most similar to this one; None if none is similar."""
    if len(name) > MAX_NAME_LENGTH:
        return None
    matches = get_close_matches(name, list(islice(known, MAX_KNOWN_NAMES)), 1)
    return matches[0] if matches else None
