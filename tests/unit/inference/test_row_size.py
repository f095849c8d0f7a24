"""Rows differ in size: what may run on the loop depends on their size."""

from collections.abc import Callable

import numpy as np
import pytest

from modelyard.config.model_spec import Batching
from modelyard.inference.row_size import MAX_GROWTH, row_size, row_sizes
from modelyard.inference.scheduler import SINGLES
from modelyard.inference.warmup import Warmup, warm
from modelyard.tensors import FREE, Array, InferRequest, Signature, Tensors, TensorSpec
from tests.fakes import FakeClock, FakeModel
from tests.unit.inference.rig import Make

Of = Callable[[int], Array]
"""An input's array, with one row of this size."""
TEXT = TensorSpec("x", "BYTES", (FREE,))
TOKENS = TensorSpec("x", "INT64", (FREE, FREE))
WIDTH = TensorSpec("x", "FP32", (FREE, 3))
KINDS = {
    "text": (TEXT, lambda size: np.array(["a" * (size - 1)], object)),
    "bytes": (TEXT, lambda size: np.array([b"a" * (size - 1)], object)),
    "a list of texts": (
        TensorSpec("x", "BYTES", (FREE, FREE)),
        lambda size: np.array([["", "a" * (size - 2)]], object),
    ),
    "a free axis": (TOKENS, lambda size: np.ones((1, size), np.int64)),
}


def model_of(*inputs: TensorSpec, rows: bool = True, example: Tensors | None = None) -> FakeModel:
    signature = Signature(inputs, (TensorSpec("y", "FP32", (FREE,)),), rows=rows)
    return FakeModel(
        lambda given: {"y": np.zeros(len(given["x"]), np.float32)},
        signature=signature,
        example={} if example is None else example,
    )


def request(array: Array, **others: Array) -> InferRequest:
    return InferRequest({"x": array, **others}, len(array), ("y",))


@pytest.mark.parametrize(
    "inputs", [(WIDTH,), (TensorSpec("x", "FP32", (FREE,)), TensorSpec("z", "BOOL", (FREE, 2, 2)))]
)
def test_rows_of_one_size_need_no_row_sizes(inputs: tuple[TensorSpec, ...]) -> None:
    assert row_sizes(model_of(*inputs), 0) is None
    assert row_size(model_of(*inputs), request(np.ones((2, 3), np.float32))) == 0


@pytest.mark.parametrize(("spec", "of"), KINDS.values(), ids=KINDS)
def test_the_size_of_a_row_is_its_values_and_characters(spec: TensorSpec, of: Of) -> None:
    model = model_of(spec)
    assert row_size(model, request(of(20))) == 20
    sizes = row_sizes(model, 20)
    assert sizes is not None
    assert sizes.usual([request(of(20 * MAX_GROWTH))], 1)
    assert not sizes.usual([request(of(20 * MAX_GROWTH + 1))], 1)
    assert sizes.usual([request(of(20)), request(of(20 * MAX_GROWTH))], 2)
    sizes.was_quick([request(of(100))], 1)
    sizes.was_quick([request(of(3))], 1)
    assert sizes.usual([request(of(100 * MAX_GROWTH))], 1)


def test_missing_texts_and_optional_inputs_add_almost_nothing() -> None:
    model = model_of(TensorSpec("x", "BYTES", (FREE,), missing=True), TensorSpec("z", "BYTES", (FREE,), optional=True))
    assert row_size(model, request(np.array([None], object))) == 1
    assert row_size(model, request(np.array([None, "abc"], object))) == 2.5


def test_without_rows_the_whole_tensor_counts() -> None:
    model = model_of(TensorSpec("x", "FP32", (FREE, 2)), rows=False)
    assert row_size(model, InferRequest({"x": np.ones((7, 2), np.float32)}, 1, ("y",))) == 14


@pytest.mark.parametrize(("spec", "of"), KINDS.values(), ids=KINDS)
def test_a_row_far_larger_than_the_known_size_does_not_run_on_the_loop(rig: Make, spec: TensorSpec, of: Of) -> None:
    one = rig(model_of(spec), Warmup(20e-6, 1e-6, True, row_size=20))

    def thread(size: int) -> set[str]:
        one.model.threads.clear()
        number = one.submit(request=request(of(size)))
        one.loop.settle()
        if number not in one.results:
            one.loop.turn_with_thread()
        return set(one.model.threads)

    for _ in range(SINGLES + 1):  # both in a batch and within submit
        assert thread(40) == {"MainThread"}
    assert thread(10_000) == {"modelyard-model"}
    for _ in range(SINGLES + 1):
        assert thread(40) == {"MainThread"}


@pytest.mark.parametrize(("seconds", "known"), [(0.0, 100), (2.0, 2)])
def test_a_size_that_was_quick_in_the_worker_becomes_known(rig: Make, seconds: float, known: float) -> None:
    model, clock = model_of(TEXT), FakeClock()
    timed = FakeModel(model._call, signature=model.signature, example={}, clock=clock, seconds=lambda rows: seconds)
    one = rig(timed, Warmup(20e-6, 1e-6, True, row_size=2), clock=clock)
    one.submit(request=request(np.array(["a" * 99], object)))
    one.loop.settle()
    one.loop.turn_with_thread()
    assert one.scheduler._sizes is not None
    assert one.scheduler._sizes.known == known


def test_warm_up_measures_the_size_of_a_row() -> None:
    example = request(np.array(["abc", "de"], object))
    model = model_of(TEXT, example=example.inputs)
    assert 3 <= warm(model, [example], batching=Batching()).row_size <= 4
    assert warm(FakeModel(), [], batching=Batching()).row_size == 0
