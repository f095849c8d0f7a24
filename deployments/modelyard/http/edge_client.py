"""The header into which the edge writes a client's address. A client's own is replaced there, so it counts for nothing."""

from collections.abc import Iterable
from ipaddress import ip_address

NAME = b"x-forwarded-for"


def of_headers(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The address; "" where there is no such header, or one that the edge did not write."""
    for name, value in headers:
        if name == NAME:
            try:
                return str(ip_address(value.decode("ascii")))
            except ValueError:
                return ""
    return ""
