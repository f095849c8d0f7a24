"""Decompression with limits on the size of the result."""

import zlib

from modelyard.errors import InvalidRequest, PayloadTooLarge

ALWAYS_ALLOWED_BYTES = 2**20
"""Any input may inflate to this size, however small it is."""
MAX_RATIO = 100
"""Above that, the largest ratio of inflated to compressed size: 63 kB of deflate can inflate to 62 MiB, which cost time to read.

JSON of numbers compresses to a third or a tenth. Envoy and Apache POI have the same limit:
https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/compression/gzip/decompressor/v3/gzip.proto (max_inflate_ratio)
"""


def inflate(data: bytes | memoryview, window_bits: int, limit: int, *, noun: str, coding: str) -> bytes:
    """The inflated data. `noun` ("the body") and `coding` ("gzip") are for error messages, `window_bits` is zlib's.

    Stops at the limit, so a decompression bomb is never in memory as a whole. Raises PayloadTooLarge for more than `limit`
    bytes, or for a larger ratio, and InvalidRequest for invalid data.
    """
    allowed = max(ALWAYS_ALLOWED_BYTES, MAX_RATIO * len(data))
    stream = zlib.decompressobj(window_bits)
    try:
        whole = stream.decompress(data, min(limit, allowed) + 1)  # 0 would mean no limit
    except zlib.error as error:
        raise InvalidRequest(f"{noun} is not valid {coding}: {error}") from None
    if len(whole) > limit:
        raise PayloadTooLarge(f"{noun} inflates to more than {limit} bytes, the maximum")
    if len(whole) > allowed:
        raise PayloadTooLarge(f"{noun} inflates to more than {MAX_RATIO} times its size; use less compression")
    if not stream.eof:
        raise InvalidRequest(f"{noun} is not valid {coding}: it is truncated")
    if stream.unused_data:
        raise InvalidRequest(f"{noun} is not valid {coding}: {len(stream.unused_data)} bytes follow its end")
    return whole
