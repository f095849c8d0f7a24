"""Headers that only the edge sets: it replaces those of clients, so they can be trusted behind it."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

Header = tuple[bytes, bytes]

CLIENT_ADDRESS = b"x-forwarded-for"
EDGE_START = b"x-edge-start"
"""When the edge received the request, in microseconds since 1970. Set where requests are traced."""
MAX_DIGITS = 17


def client_address(headers: Iterable[Header]) -> str:
    """The client's IP address; "" if the header is missing or is not an address."""
    for name, value in headers:
        if name == CLIENT_ADDRESS:
            try:
                return str(ip_address(value.decode("ascii")))
            except ValueError:
                return ""
    return ""


def edge_start_s(headers: Iterable[Header]) -> float | None:
    """Unix time at which the edge received the request; None if the header is missing or invalid."""
    for name, value in headers:
        if name == EDGE_START:
            return int(value) / 1e6 if value.isdigit() and len(value) <= MAX_DIGITS else None
    return None


def without_edge_start(headers: Iterable[Header]) -> Sequence[Header]:
    """The other headers, for later messages on a connection that stays open: their time is another."""
    return tuple(header for header in headers if header[0] != EDGE_START)
