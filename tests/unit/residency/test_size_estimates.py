"""Estimates of a model's memory before its first load."""

from modelyard.residency.measure import MIN_SIZE_BYTES
from modelyard.residency.size_estimates import FIRST_RATIO, SizeEstimates

MB = 10**6


def test_without_a_measurement_the_estimate_is_a_multiple_of_the_artefact() -> None:
    assert SizeEstimates().estimate_bytes("onnx", 10 * MB) == FIRST_RATIO * 10 * MB


def test_an_estimate_is_never_below_the_smallest_size_of_a_model() -> None:
    assert SizeEstimates().estimate_bytes("onnx", 600) == MIN_SIZE_BYTES


def test_the_ratio_is_learned_by_runtime() -> None:
    estimates = SizeEstimates()
    estimates.observe("onnx", 10 * MB, 20 * MB)
    assert estimates.estimate_bytes("onnx", 12 * MB) == 24 * MB
    assert estimates.estimate_bytes("sklearn", 12 * MB) == FIRST_RATIO * 12 * MB


def test_small_artefacts_do_not_change_the_ratio_of_large_ones() -> None:
    estimates = SizeEstimates()
    estimates.observe("onnx", 10 * MB, 10 * MB)
    estimates.observe("onnx", 600, MB)
    assert estimates.estimate_bytes("onnx", 10 * MB) == 10 * MB
    assert estimates.estimate_bytes("onnx", 700) > MB


def test_later_measurements_move_the_estimate() -> None:
    estimates = SizeEstimates()
    estimates.observe("onnx", 10 * MB, 10 * MB)
    for _ in range(30):
        estimates.observe("onnx", 10 * MB, 30 * MB)
    assert abs(estimates.estimate_bytes("onnx", 10 * MB) - 30 * MB) < MB
