"""The header into which the edge writes when a request came to it, where requests are traced. A client's own is replaced there."""

from collections.abc import Iterable, Sequence

Header = tuple[bytes, bytes]

EDGE_START = b"x-edge-start"
"""Microseconds since 1970."""
MOST_DIGITS = 17


def edge_start_s(headers: Iterable[Header]) -> float | None:
    """Unix time; None where there is no such header, or one that the edge did not write."""
    for name, value in headers:
        if name == EDGE_START:
            return int(value) / 1e6 if value.isdigit() and len(value) <= MOST_DIGITS else None
    return None


def without_edge_start(headers: Iterable[Header]) -> Sequence[Header]:
    """The other headers: what comes later on a connection that stays open came at another time."""
    return tuple(header for header in headers if header[0] != EDGE_START)
