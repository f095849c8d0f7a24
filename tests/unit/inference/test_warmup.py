"""What warm-up measures, and which models may be batched."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelyard.config.model_spec import Batching
from modelyard.inference.warmup import TIMING_BUDGET_S, Warmup, WarmupFailed, different_rows, warm
from modelyard.tensors import FREE, InferRequest, Signature, Tensors, TensorSpec
from tests.fakes import FakeClock, FakeGenerator, FakeModel, request_of

Call = Callable[[Tensors], Tensors]


def test_the_cost_of_a_call_and_of_a_row_are_measured() -> None:
    clock = FakeClock()
    model = FakeModel(clock=clock, seconds=lambda rows: 2e-3 + 1e-4 * rows)
    measured = warm(model, [request_of(1, 2)], batching=Batching(max_size=32), clock=clock)
    assert measured.fixed_s == pytest.approx(2e-3)
    assert measured.per_row_s == pytest.approx(1e-4)
    assert measured.batchable
    assert measured.reason == ""
    assert max(model.batches) == 32


def test_slow_first_calls_do_not_count() -> None:
    clock = FakeClock()
    first = iter([0.05, 0.04, 0.02, 0.01, 0.005, 0.002])
    model = FakeModel(clock=clock, seconds=lambda rows: next(first, 1e-3))
    measured = warm(model, [request_of(1, 2)], batching=Batching(), clock=clock)
    assert measured.fixed_s == pytest.approx(1e-3)


def test_a_slow_model_is_tried_with_fewer_rows_and_not_for_long() -> None:
    clock = FakeClock()
    model = FakeModel(clock=clock, seconds=lambda rows: 0.05 * rows)
    begun = clock()
    measured = warm(model, [request_of(1, 2)], batching=Batching(max_size=64), clock=clock)
    assert measured.batchable
    assert measured.per_row_s == pytest.approx(0.05)
    assert max(model.batches) == int(TIMING_BUDGET_S / 0.05)
    assert clock() - begun < 20 * TIMING_BUDGET_S


def test_rows_may_come_from_two_examples() -> None:
    assert warm(FakeModel(), [request_of(1), request_of(2)], batching=Batching()).batchable


def running_total(inputs: Tensors) -> Tensors:
    return {"y": np.cumsum(inputs["x"], axis=0)}


def centred(inputs: Tensors) -> Tensors:
    return {"y": inputs["x"] - inputs["x"].mean()}


def sorted_rows(inputs: Tensors) -> Tensors:
    return {"y": np.sort(inputs["x"], axis=0)}


def wrong_from_five(inputs: Tensors) -> Tensors:
    return {"y": inputs["x"] * (1 if len(inputs["x"]) < 5 else 2)}


def one_row_only(inputs: Tensors) -> Tensors:
    if len(inputs["x"]) > 1:
        raise ValueError("got 2 rows, expected 1")
    return {"y": inputs["x"]}


def first_row(inputs: Tensors) -> Tensors:
    return {"y": inputs["x"][:1]}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (running_total, "outputs of a row differ between a batch of 2 rows and the row alone"),
        (centred, "outputs of a row differ between a batch of 2 rows and the row alone"),
        (sorted_rows, "outputs of a row differ between a batch of 2 rows and the row alone"),
        (wrong_from_five, "outputs of a row differ between a batch of 64 rows and the row alone"),
        (one_row_only, "it fails on a batch of 2 rows (ValueError: got 2 rows, expected 1)"),
        (first_row, "it fails on a batch of 2 rows (RowsError: output 'y' has shape (1, 1) for 2 rows)"),
    ],
)
@pytest.mark.parametrize("synthesised", [False, True])
def test_a_model_whose_rows_depend_on_their_neighbours_is_not_batched(
    call: Call, reason: str, synthesised: bool
) -> None:
    measured = warm(
        FakeModel(call), [request_of(1), request_of(2)], batching=Batching(max_size=64), synthesised=synthesised
    )
    assert not measured.batchable
    assert measured.reason == reason


def test_a_nondeterministic_model_is_not_batched() -> None:
    draws = iter(range(1000))
    model = FakeModel(lambda inputs: {"y": inputs["x"] + next(draws)})
    assert warm(model, [request_of(1), request_of(2)], batching=Batching()).reason == (
        "its outputs for the same row differ between calls"
    )


@pytest.mark.parametrize(
    ("make", "batchable"),
    [
        (lambda x: x * (1 + 5e-5 * (len(x) > 1)), True),
        (lambda x: x * (1 + 5e-4 * (len(x) > 1)), False),
        (lambda x: (x * (1 + 1e-3 * (len(x) > 1))).astype(np.float16), True),
        (lambda x: (x * 1e6).astype(np.int64) + (len(x) > 1), False),
        (lambda x: np.where(x > 1.5, np.nan, x), True),
        (lambda x: np.array([["many" if len(x) > 1 else "one"]] * len(x), object), False),
        (lambda x: np.array([[f"{v:g}"] for v in x[:, 0]], object), True),
    ],
    ids=["floats nearly", "floats not", "halves nearly", "integers by one", "nan", "other labels", "same labels"],
)
def test_floats_may_differ_by_a_little_and_labels_not_at_all(make: Callable[[Any], Any], batchable: bool) -> None:
    model = FakeModel(lambda inputs: {"y": make(inputs["x"])})
    assert warm(model, [request_of(1), request_of(2)], batching=Batching()).batchable is batchable


def test_a_single_row_is_not_enough_for_the_test() -> None:
    model = FakeModel(example={"x": np.ones((2, 1), np.float32)})
    measured = warm(model, [request_of(1), request_of(1, 1)], batching=Batching())
    assert not measured.batchable
    assert measured.reason == "the example has no two different rows to test it with"


def test_the_models_own_example_adds_rows_to_an_operators_single_row() -> None:
    assert warm(FakeModel(), [request_of(1)], batching=Batching()).batchable


def test_a_model_that_fails_on_its_own_example_may_still_be_good() -> None:
    def call(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"]} if (inputs["x"] < 3).all() else failing(inputs)

    model = FakeModel(call, example={"x": np.full((2, 1), 9, np.float32)})
    assert warm(model, [request_of(1), request_of(2)], batching=Batching()).batchable
    assert not warm(model, [request_of(1)], batching=Batching()).batchable


def test_a_model_that_fails_on_single_rows_of_its_example_is_served() -> None:
    def call(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"]} if len(inputs["x"]) > 1 else failing(inputs)

    measured = warm(FakeModel(call), [request_of(1, 2)], batching=Batching())
    assert measured.reason == "it fails on single rows of its example (ZeroDivisionError: no luck)"


def test_a_call_that_takes_as_long_with_two_rows_as_with_one_is_measured() -> None:
    clock = FakeClock()
    model = FakeModel(clock=clock, seconds=lambda rows: 0.5)
    assert warm(model, [request_of(1, 2)], batching=Batching(), clock=clock).batchable


def test_warm_up_leaves_its_examples_as_they_are() -> None:
    def call(inputs: Tensors) -> Tensors:
        inputs["x"] *= 2
        return {"y": inputs["x"]}

    model, example = FakeModel(call), request_of(1, 2)
    assert warm(model, [example], batching=Batching()).batchable
    assert example.inputs["x"].tolist() == model.example["x"].tolist() == [[1], [2]]


def test_batching_can_be_turned_off() -> None:
    measured = warm(FakeModel(), [request_of(1), request_of(2)], batching=Batching(max_size=1))
    assert (measured.batchable, measured.reason) == (False, "it is turned off (max_size: 1)")


def test_a_model_without_a_free_first_axis_is_not_batched() -> None:
    signature = Signature((TensorSpec("x", "FP32", (1, 1)),), (TensorSpec("y", "FP32", (FREE, 1)),))
    clock = FakeClock()
    model = FakeModel(signature=signature, clock=clock, seconds=lambda rows: 0.003)
    measured = warm(model, [request_of(1)], batching=Batching(), clock=clock)
    assert (measured.batchable, measured.reason) == (False, "its inputs and outputs do not share one free first axis")
    assert measured.per_row_s == pytest.approx(0.003), "each row counts as a call"


def failing(inputs: Tensors) -> Tensors:
    raise ZeroDivisionError("no luck")


def test_a_model_that_fails_on_the_operators_example_is_not_served() -> None:
    with pytest.raises(WarmupFailed, match="the model failed on its example: ZeroDivisionError: no luck"):
        warm(FakeModel(failing), [request_of(1)], batching=Batching())


def test_every_example_is_run() -> None:
    def call(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"]} if (inputs["x"] < 3).all() else failing(inputs)

    with pytest.raises(WarmupFailed):
        warm(FakeModel(call), [request_of(1), request_of(2), request_of(3)], batching=Batching())


def test_a_model_that_fails_on_a_synthesised_example_is_served_unbatched_and_off_the_loop() -> None:
    measured = warm(FakeModel(failing), [request_of(1)], batching=Batching(), synthesised=True)
    assert not measured.batchable
    assert measured.reason == "it failed on an example made from its signature (ZeroDivisionError: no luck)"
    assert measured.per_row_s > 1e-3


def test_a_model_without_examples_is_served_unbatched() -> None:
    assert warm(FakeModel(), [], batching=Batching()).reason == "there is no example to test it with"


def test_examples_of_another_kind_are_not_mixed() -> None:
    wide = InferRequest({"x": np.ones((1, 2), np.float32)}, 1, ("y",))
    measured = warm(FakeModel(), [request_of(1), wide, request_of(2)], batching=Batching())
    assert measured.batchable


def test_a_limit_of_one_row_turns_batching_off() -> None:
    batched = Warmup(0.5, 0.25, True)
    assert batched.limited_to(Batching(max_size=1)) == Warmup(0.5, 0.25, False, "it is turned off (max_size: 1)", 0.0)
    assert batched.limited_to(Batching(max_size=2)) is batched
    alone = Warmup(0.5, 0.25, False, "a reason")
    assert alone.limited_to(Batching(max_size=1)) is alone


def failing_on(rows: int) -> FakeModel:
    """A model that fails on calls of this many rows."""

    def call(inputs: Tensors) -> Tensors:
        if len(inputs["x"]) == rows:
            raise ValueError("no")
        return {"y": inputs["x"] * 2}

    return FakeModel(call)


def test_a_model_that_cannot_be_measured_is_not_batched_and_its_calls_count_as_10_ms() -> None:
    unmeasured = Warmup(0.0, 0.01, False)
    assert warm(FakeModel(), [], batching=Batching()) == replace(
        unmeasured, reason="there is no example to test it with"
    )
    assert warm(failing_on(2), [request_of(1, 2)], batching=Batching(), synthesised=True) == replace(
        unmeasured, reason="it failed on an example made from its signature (ValueError: no)"
    )
    assert warm(failing_on(1), [request_of(1, 2)], batching=Batching()) == replace(
        unmeasured, reason="it fails on single rows of its example (ValueError: no)"
    )


def test_at_most_four_different_rows_of_the_examples_are_used() -> None:
    rows = different_rows([request_of(1, 1, 2), request_of(2, 3, 4, 5)])
    assert [row.inputs["x"].tolist() for row in rows] == [[[1]], [[2]], [[3]], [[4]]]
    assert [row.inputs["x"].tolist() for row in different_rows([request_of(1, 1, 2)])] == [[[1]], [[2]]]


def test_a_model_that_generates_is_stopped_after_its_first_part() -> None:
    model = FakeGenerator(1000)
    warm(model, [request_of(1, 2)], batching=Batching())
    assert model.ended == [1]
