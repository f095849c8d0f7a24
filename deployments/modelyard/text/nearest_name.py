"""Finds the name for "did you mean ...?"."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MAX_NAME_LENGTH = 100
"""Characters. A comparison takes quadratic time, and clients choose the name."""
MAX_COMPARED_NAMES = 50
"""A comparison takes up to 0.1 ms. With a thousand similar names, a request for an unknown model would take as long as a hundred
others."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most similar to this one; None if none is similar.

    Of many names, only those are compared that begin or end like this one.
    """
    if len(name) > MAX_NAME_LENGTH:
        return None
    names = list(known)
    if len(names) > MAX_COMPARED_NAMES:
        same_end = _neighbours(name[::-1], [each[::-1] for each in names])
        names = [*_neighbours(name, names), *(each[::-1] for each in same_end)]
    matches = get_close_matches(name, names, 1)
    return matches[0] if matches else None


def _neighbours(name: str, names: Sequence[str]) -> list[str]:
    """Those beside this name in alphabetical order, which have the longest beginnings in common with it."""
    ordered, count = sorted(names), MAX_COMPARED_NAMES // 4
    place = bisect_left(ordered, name)
    return ordered[max(0, place - count) : place + count]
