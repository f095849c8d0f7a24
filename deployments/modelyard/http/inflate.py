"""Compressed bytes, inflated within bounds. Pure."""

import zlib

from modelyard.errors import InvalidRequest, PayloadTooLarge

ALWAYS_ALLOWED_BYTES = 2**20
"""What may come of any input, however small."""
MAX_RATIO = 100
"""Beyond that, how many bytes may come of each byte: 63 kB of deflate can stand for 62 MiB, and reading those is not free.

JSON of numbers shrinks to a third or a tenth. Envoy has the same bound, Apache POI too:
https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/compression/gzip/decompressor/v3/gzip.proto (max_inflate_ratio)
"""


def inflate(data: bytes | memoryview, window_bits: int, limit: int, *, noun: str, coding: str) -> bytes:
    """What the data holds; `noun` ("the body") and `coding` ("gzip") are for messages, `window_bits` are zlib's.

    Stops at the bound, so a bomb is never held as a whole. Raises PayloadTooLarge for more than `limit` bytes, or more than the
    ratio allows, and InvalidRequest for what is not the coding.
    """
    allowed = max(ALWAYS_ALLOWED_BYTES, MAX_RATIO * len(data))
    stream = zlib.decompressobj(window_bits)
    try:
        whole = stream.decompress(data, min(limit, allowed) + 1)  # 0 would mean no limit
    except zlib.error as error:
        raise InvalidRequest(f"{noun} is no {coding}: {error}") from None
    if len(whole) > limit:
        raise PayloadTooLarge(f"{noun} inflates to more than {limit} bytes, the most that is taken")
    if len(whole) > allowed:
        raise PayloadTooLarge(f"{noun} inflates to more than {MAX_RATIO} times its size; send it less compressed")
    if not stream.eof:
        raise InvalidRequest(f"{noun} is no {coding}: it ends too early")
    if stream.unused_data:
        raise InvalidRequest(f"{noun} is no {coding}: {len(stream.unused_data)} bytes stand behind it")
    return whole
