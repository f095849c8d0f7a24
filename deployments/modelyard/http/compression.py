"""Compressed request and response bodies: gzip and deflate."""

import re
import zlib
from typing import Literal

from modelyard.errors import UnsupportedMediaType
from modelyard.http.inflate import inflate
from modelyard.text.quoting import shortened

Coding = Literal["gzip", "deflate"]

LEVEL = 1
"""zlib's, of 1 to 9. Higher levels gain a few per cent for several times the time, as tensors hardly compress."""
MIN_COMPRESSED_BYTES = 1024
"""Shorter responses are not compressed."""
OFF_THE_LOOP_BYTES = 2**16
"""Larger bodies are compressed and decompressed in a thread: a millisecond of the event loop serves many requests."""
WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's `wbits`, by content coding."""
RAW = -15
"""For deflate without zlib's header: RFC 9110 requires the header, but some clients omit it."""
_NEVER = re.compile(rb"q\s*=\s*0(\.0*)?")


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its content coding. `encoding` is the header's value, which may be identity.

    Raises UnsupportedMediaType for another coding, and the errors of `inflate`.
    """
    coding = encoding.strip().lower().decode("latin-1")
    if coding in ("identity", ""):
        return body
    if coding not in WINDOWS:
        raise UnsupportedMediaType(
            f"content encoding {shortened(coding)!r} is not supported, only gzip and deflate are"
        )
    window_bits = RAW if coding == "deflate" and not _has_zlib_header(body) else WINDOWS[coding]
    return inflate(body, window_bits, limit, noun="the body", coding=coding)


def requested_coding(accept_encoding: bytes) -> Coding | None:
    """The content coding that the client requests for the response, from the header's value.

    Only a header with exactly one coding counts as a request. Libraries list all codings that they can read in every request,
    and to compress tensors for them would cost more time than it saves.
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
    """The body in this content coding."""
    stream = zlib.compressobj(LEVEL, wbits=WINDOWS[coding])
    return stream.compress(body) + stream.flush()


def _has_zlib_header(body: bytes) -> bool:
    """Whether the body begins with the header of RFC 1950."""
    header = int.from_bytes(body[:2], "big")
    return header >> 8 & 0xF == 8 and header % 31 == 0
