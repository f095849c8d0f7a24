"""A dict with a size limit."""

from modelyard.protocols.values.bounded_cache import BoundedCache


def test_the_entry_beyond_the_limit_clears_the_cache_first() -> None:
    cache: BoundedCache[int, int] = BoundedCache()
    for key in range(256):
        cache.put(key, key)
    assert cache == {key: key for key in range(256)}
    cache.put(0, 7)
    assert (len(cache), cache[0]) == (256, 7), "a known key needs no room"
    cache.put(256, 8)
    assert cache == {256: 8}
