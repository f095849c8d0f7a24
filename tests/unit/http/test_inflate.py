"""How much may come of compressed bytes."""

import tracemalloc
import zlib

import pytest

from modelyard.errors import PayloadTooLarge
from modelyard.http.inflate import ALWAYS_ALLOWED_BYTES, MAX_RATIO, inflate

LARGE = 2**30


def inflated(data: bytes, limit: int = LARGE) -> bytes:
    return inflate(data, 15, limit, noun="the body", coding="deflate")


def with_ratio(ratio: int, size: int = 4 * ALWAYS_ALLOWED_BYTES) -> bytes:
    """Zeros, stored behind so much that does not shrink that about one byte stands for `ratio`."""
    stream = zlib.compressobj(0)
    noise = stream.compress(bytes(size // ratio)) + stream.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    zeros = rest.compress(bytes(size)) + rest.flush()
    return noise + zeros + zlib.adler32(bytes(size // ratio + size)).to_bytes(4, "big")


def test_a_small_input_may_become_the_free_size() -> None:
    assert inflated(zlib.compress(bytes(ALWAYS_ALLOWED_BYTES))) == bytes(ALWAYS_ALLOWED_BYTES)


def test_beyond_the_free_size_the_ratio_counts() -> None:
    with pytest.raises(PayloadTooLarge, match="the body inflates to more than 100 times its size"):
        inflated(zlib.compress(bytes(ALWAYS_ALLOWED_BYTES + 1)))


def test_what_shrinks_as_values_do_may_be_as_large_as_any() -> None:
    less, more = with_ratio(MAX_RATIO // 2), with_ratio(MAX_RATIO * 2)
    assert len(inflated(less)) > 4 * ALWAYS_ALLOWED_BYTES
    with pytest.raises(PayloadTooLarge, match="times its size"):
        inflated(more)


def test_where_both_bounds_are_passed_the_limit_is_told() -> None:
    with pytest.raises(PayloadTooLarge, match="more than 1000 bytes"):
        inflated(zlib.compress(bytes(50 * ALWAYS_ALLOWED_BYTES)), limit=1000)


def test_a_bomb_is_never_held_as_a_whole() -> None:
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
