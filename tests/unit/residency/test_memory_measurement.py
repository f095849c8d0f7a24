"""The measurement of a model's memory in this process."""

import numpy as np

from modelyard.residency.measure import MIN_SIZE_BYTES, allocated_bytes, model_bytes, resident_bytes

MB = 10**6


def test_what_is_allocated_is_measured_and_what_is_released_is_not() -> None:
    before = allocated_bytes()
    arrays = [np.ones(size) for size in (1_000, 10_000, 100_000, 1_000_000)]
    size = sum(array.nbytes for array in arrays)
    assert abs(model_bytes(before, allocated_bytes()) - size) < MB
    del arrays
    assert abs(allocated_bytes() - before) < MB


def test_a_model_has_at_least_the_smallest_size() -> None:
    assert model_bytes(before=10 * MB, after=9 * MB) == MIN_SIZE_BYTES


def test_the_resident_size_grows_with_what_is_written() -> None:
    before = resident_bytes()
    array = np.ones(8_000_000)
    assert resident_bytes() - before > 0.9 * array.nbytes
