"""The results of checks are reused by the next load of the same files with the same settings."""

import pytest

from modelyard.runtimes.load_results import MAX_LOADS, LoadResults


def test_a_result_is_computed_once_for_the_same_load_and_again_for_another() -> None:
    results, computed = LoadResults(), []

    def load(key: str) -> str:
        with results.of(key):
            return results.once("parity", lambda: computed.append(key) or f"of {key}")

    assert [load("a"), load("a"), load("b"), load("a")] == ["of a", "of a", "of b", "of a"]
    assert computed == ["a", "b"]


def test_nothing_is_kept_outside_of_a_load_for_an_error_and_for_what_must_not_be_kept() -> None:
    results = LoadResults()
    assert [results.once("x", lambda: 1), results.once("x", lambda: 2)] == [1, 2]
    with results.of("a"):
        with pytest.raises(ValueError, match="bad"):
            results.once("x", lambda: int("bad"))
        assert results.once("x", lambda: 3, keep=lambda _: False) == 3
        assert results.get("x") is None
    with results.of(None):
        assert [results.once("x", lambda: 4), results.once("x", lambda: 5)] == [4, 5]


def test_the_results_of_the_loads_that_are_longest_ago_are_dropped() -> None:
    results = LoadResults()
    for number in range(MAX_LOADS + 1):
        with results.of(number):
            results.once("x", lambda: True)
        with results.of(1):
            pass
    with results.of(0):
        assert results.get("x") is None
    with results.of(1):
        assert results.get("x")
