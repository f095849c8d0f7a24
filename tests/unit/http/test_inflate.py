"""The limits of decompression."""

import tracemalloc
import zlib

import pytest

from modelyard.errors import PayloadTooLarge
from modelyard.http.inflate import ALWAYS_ALLOWED_BYTES, MAX_RATIO, inflate

LARGE = 2**30


def inflated(data: bytes, limit: int = LARGE) -> bytes:
    return inflate(data, 15, limit, noun="the body", coding="deflate")


def with_ratio(ratio: int, size: int = 4 * ALWAYS_ALLOWED_BYTES) -> bytes:
    """Compressed zeros behind incompressible bytes, so that the whole has about this ratio."""
    stream = zlib.compressobj(0)
    noise = stream.compress(bytes(size // ratio)) + stream.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    zeros = rest.compress(bytes(size)) + rest.flush()
    return noise + zeros + zlib.adler32(bytes(size // ratio + size)).to_bytes(4, "big")


def test_a_small_input_may_inflate_to_the_size_that_is_always_allowed() -> None:
    assert len(inflated(zlib.compress(bytes(1_048_576)))) == 1_048_576


def test_above_that_size_the_ratio_is_limited() -> None:
    with pytest.raises(PayloadTooLarge, match="the body inflates to more than 100 times its size"):
        inflated(zlib.compress(bytes(1_048_577)))


def test_data_with_an_ordinary_ratio_is_limited_only_by_the_size() -> None:
    less, more = with_ratio(MAX_RATIO // 2), with_ratio(MAX_RATIO * 2)
    assert len(inflated(less)) > 4 * ALWAYS_ALLOWED_BYTES
    with pytest.raises(PayloadTooLarge, match="times its size"):
        inflated(more)


def test_the_error_names_the_size_limit_if_both_limits_are_exceeded() -> None:
    with pytest.raises(PayloadTooLarge, match="limit of 1000 bytes"):
        inflated(zlib.compress(bytes(50 * ALWAYS_ALLOWED_BYTES)), limit=1000)


def test_a_decompression_bomb_is_never_in_memory_as_a_whole() -> None:
    bomb = zlib.compress(bytes(64 * ALWAYS_ALLOWED_BYTES))
    assert MAX_RATIO * len(bomb) < 8 * ALWAYS_ALLOWED_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge):
            inflated(bomb)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * MAX_RATIO * len(bomb)
