"""The parity check of the fast path: on every set of rows, also on a busy machine."""

import gc
import weakref
from collections.abc import Iterator

import numpy as np

from modelyard.runtimes.sklearn.fast_path.parity import NOT_COMPARED, difference
from modelyard.tensors import Tensors


def rows(*values: float) -> Tensors:
    return {"x": np.array(values)}


def doubled(inputs: Tensors) -> Tensors:
    return {"y": inputs["x"] * 2}


def doubled_but_for(odd: float) -> object:
    return lambda inputs: {"y": np.where(inputs["x"] == odd, 0, inputs["x"] * 2)}


def clock(step_s: float) -> object:
    """Each reading is later than the previous one."""
    times: Iterator[int] = iter(range(10**6))
    return lambda: next(times) * step_s


SETS = [rows(1, 2), rows(*range(64)), rows(5), rows(6), rows(-7)]


def test_a_difference_in_the_last_set_is_found_however_long_the_others_take() -> None:
    assert difference(doubled, doubled_but_for(-7), SETS, clock(0.3)) == "its output 'y' differs"  # type: ignore[arg-type]
    assert difference(doubled, doubled, SETS, clock(0.3)) == ""  # type: ignore[arg-type]


def test_a_parity_check_that_takes_too_much_cpu_fails() -> None:
    assert difference(doubled, doubled, SETS, clock(3.0)) == NOT_COMPARED  # type: ignore[arg-type]


def test_a_set_that_the_model_rejects_is_compared_row_by_row() -> None:
    def refusing(inputs: Tensors) -> Tensors:
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return doubled(inputs)

    mixed = [rows(1, 2), rows(*range(-3, 61))]
    assert difference(refusing, refusing, mixed) == ""
    assert difference(refusing, doubled, mixed) == "it accepts a row that the model rejects (ValueError: negative)"


def test_an_error_of_the_model_does_not_outlive_the_check_in_a_reference_cycle() -> None:
    errors: list[weakref.ref[Exception]] = []

    class Rejected(ValueError):
        def __init__(self, text: str) -> None:
            super().__init__(text)
            errors.append(weakref.ref(self))

    def rejecting(_: Tensors) -> Tensors:
        raise Rejected("no row works")

    gc.disable()
    try:
        assert difference(rejecting, rejecting, SETS) == ""
        assert errors and all(error() is None for error in errors)
    finally:
        gc.enable()
