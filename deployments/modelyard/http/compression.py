"""Compressed bodies: gzip and deflate, both ways. Pure."""

import re
import zlib
from typing import Literal

from modelyard.errors import UnsupportedMediaType
from modelyard.http.inflate import inflate
from modelyard.text.quoting import shortened

Coding = Literal["gzip", "deflate"]

LEVEL = 1
"""Of 9. Tensors hardly compress, and more effort gains a few per cent for several times the time."""
MIN_COMPRESSED_BYTES = 1024
"""Shorter answers go as they are."""
WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's `wbits`, by content coding."""
RAW = -15
"""Of a deflate without zlib's header: RFC 9110 asks for it, and some clients leave it out."""
_NEVER = re.compile(rb"q\s*=\s*0(\.0*)?")


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its content coding (the header's value), which may be identity.

    Raises UnsupportedMediaType for another coding, and what `inflate` does.
    """
    coding = encoding.strip().lower().decode("latin-1")
    if coding in ("identity", ""):
        return body
    if coding not in WINDOWS:
        raise UnsupportedMediaType(f"content encoding {shortened(coding)!r} is not taken, only gzip and deflate")
    window_bits = RAW if coding == "deflate" and not _zlib_header(body) else WINDOWS[coding]
    return inflate(body, window_bits, limit, noun="the body", coding=coding)


def requested_coding(accept_encoding: bytes) -> Coding | None:
    """How the client asks for its answer, from that header's value.

    Only who names one coding asks for it. Libraries list all that they can read in every request, and compressing tensors
    for them would cost more time than it saves.
    """
    named = [part.strip().lower() for part in accept_encoding.split(b",")]
    named = [part for part in named if part and not part.startswith(b"identity")]
    if len(named) != 1:
        return None
    coding, _, weight = (part.strip() for part in named[0].partition(b";"))
    if _NEVER.fullmatch(weight):
        return None
    return {b"gzip": "gzip", b"deflate": "deflate"}.get(coding)  # type: ignore[return-value]


def compress(body: bytes, coding: Coding) -> bytes:
    """The body in this coding."""
    stream = zlib.compressobj(LEVEL, wbits=WINDOWS[coding])
    return stream.compress(body) + stream.flush()


def _zlib_header(body: bytes) -> bool:
    """Whether it begins as RFC 1950 says."""
    return len(body) >= 2 and body[0] & 0xF == 8 and int.from_bytes(body[:2], "big") % 31 == 0
