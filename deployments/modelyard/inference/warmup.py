"""Warm-up: runs a model before it receives traffic, measures its calls, and tests whether its rows may share a batch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np

from modelyard.config.model_spec import Batching
from modelyard.inference.batch import batch_key, joined, outputs_of
from modelyard.inference.batch_parity import BatchParity, copied, run
from modelyard.inference.cost import MIN_S
from modelyard.inference.row_size import row_size
from modelyard.runtimes.base import GeneratingModel, LoadedModel
from modelyard.tensors import InferRequest, Tensors

TIMING_BUDGET_S = 0.3
"""For timing one batch size, and about the longest duration of the largest batch that is tried."""
PARITY_BUDGET_S = 0.6
"""For the test whether rows may share a batch, besides its first few calls, which are made however slow the model is."""
STEADY_RATIO = 1.2
"""A call within this factor of the fastest one before it shows that lazy initialisation is over."""
MAX_EXAMPLE_ROWS = 4
"""Different rows of the examples that the test uses."""
UNMEASURED_S = 0.01
"""The assumed duration of a call where none was measured: long enough to keep it off the event loop until calls are observed."""

OFF = "it is turned off (max_size: 1)"
"""The reason where the operator has turned batching off."""

Clock = Callable[[], float]


class WarmupFailed(Exception):
    """The model fails on the operator's own example. Its one argument is the message for the operator."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """The results. A batch of n rows takes about `fixed_s + n * per_row_s` seconds."""

    fixed_s: float
    per_row_s: float
    batchable: bool
    reason: str = ""
    """Why requests never share a batch; "" if they may."""
    row_size: float = 0.0
    """The size of a row in these calls, where rows vary in size; see `row_size`."""

    def limited_to(self, batching: Batching) -> "Warmup":
        """The same with this setting, which may turn batching off."""
        return replace(self, batchable=False, reason=OFF) if self.batchable and batching.max_size == 1 else self


def warm(
    model: LoadedModel,
    examples: Sequence[InferRequest],
    *,
    batching: Batching,
    synthesised: bool = False,
    clock: Clock = time.perf_counter,
) -> Warmup:
    """Run the model on each example, measure it, and test whether its rows may share a batch.

    That test needs two different rows, from the examples or from the model's own example.

    `synthesised` says that the examples are made from the signature. A model that fails on them may still be good, so it is
    served, with one request per batch. A failure on the operator's own examples raises WarmupFailed.
    """
    try:
        for example in examples:
            run(model, example)
            _first_part(model, example)
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: {error}"
        if synthesised:
            return Warmup(0.0, UNMEASURED_S, False, f"it failed on an example made from its signature ({text})")
        raise WarmupFailed(f"the model failed on its example: {text}") from error
    try:
        return _measure(model, examples, batching, clock)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the example as a whole works, which suffices
        text = f"{type(error).__name__}: {error}"
        return Warmup(0.0, UNMEASURED_S, False, f"it fails on single rows of its example ({text})")


def _measure(model: LoadedModel, examples: Sequence[InferRequest], batching: Batching, clock: Clock) -> Warmup:
    if not examples:
        return Warmup(0.0, UNMEASURED_S, False, "there is no example to test it with")
    rowwise = model.signature.rowwise
    rows = different_rows(examples) if rowwise else examples
    if rowwise and len(rows) == 1:
        rows = different_rows([*examples, *_example_rows(model, examples[0])])
    size_of_row = row_size(model, rows[0])
    one_s = _timing(model, rows[0], clock)
    # Where larger batches are not measured, each row is assumed to cost as much as a call.
    unbatched = Warmup(0.0, one_s, False, "", size_of_row)
    if reason := _reason_not_to_batch(model, rows, batching):
        return replace(unbatched, reason=reason)
    parity = BatchParity(model, rows)
    if parity.is_nondeterministic():
        return replace(unbatched, reason="its outputs for the same row differ between calls")
    if reason := parity.compare_examples():
        return replace(unbatched, reason=reason)
    size = _largest_batch(model, rows, one_s, batching, clock)
    reason = parity.compare_varied(size, PARITY_BUDGET_S, clock)
    many_s = _timing(model, _repeated(rows, size), clock)
    per_row_s = max(0.0, (many_s - one_s) / (size - 1))
    return Warmup(max(0.0, one_s - per_row_s), per_row_s, not reason, reason, size_of_row)


def _reason_not_to_batch(model: LoadedModel, rows: Sequence[InferRequest], batching: Batching) -> str:
    """Why rows must not share a batch, as far as that is known without a test; "" otherwise."""
    if not model.signature.rowwise:
        return "its inputs and outputs do not share one free first axis"
    if batching.max_size == 1:
        return OFF
    if mixes := getattr(model, "mixes_rows", ""):  # found by the runtime in the artefact
        return str(mixes)
    return "the example has no two different rows to test it with" if len(rows) == 1 else ""


def _example_rows(model: LoadedModel, like: InferRequest) -> list[InferRequest]:
    """Rows of the model's own example, as far as they work: an operator's example often has a single row."""
    length = min((len(array) for array in model.example.values()), default=0)
    rows = [
        InferRequest({name: array[index : index + 1] for name, array in model.example.items()}, 1, like.outputs)
        for index in range(min(length, MAX_EXAMPLE_ROWS))
    ]
    return [row for row in rows if _works(model, row)]


def _works(model: LoadedModel, request: InferRequest) -> bool:
    try:
        run(model, request)
    except Exception:  # noqa: BLE001 - an example made from the signature need not work
        return False
    return True


def _largest_batch(
    model: LoadedModel, rows: Sequence[InferRequest], one_s: float, batching: Batching, clock: Clock
) -> int:
    """Rows of the largest batch to try: `max_size`, or as many as a slow model processes within the budget; at least 2."""
    per_row_s = max(_timing(model, _repeated(rows, 2), clock) - one_s, MIN_S)
    return max(2, min(batching.max_size, 1 + int((TIMING_BUDGET_S - one_s) / per_row_s)))


def _timing(model: LoadedModel, request: InferRequest, clock: Clock) -> float:
    """Seconds of the fastest of a few calls: until two in a row are about as fast as the best before them, or the budget is
    used up."""
    begun = clock()
    best = float("inf")
    steady = 0
    while steady < 2 and clock() - begun < TIMING_BUDGET_S:
        copy = copied(request)
        started = clock()
        outputs_of(model, model.signature.rowwise, [copy], copy.rows)
        took = clock() - started
        steady = steady + 1 if best / STEADY_RATIO <= took <= best * STEADY_RATIO else 0
        best = min(best, took)
    return best


def _first_part(model: LoadedModel, request: InferRequest) -> None:
    """Generate the first part, if the model generates. The other parts would only take time."""
    if isinstance(model, GeneratingModel):
        steps = iter(model.generate(copied(request).inputs, request.outputs))
        next(steps, None)
        if hasattr(steps, "close"):
            steps.close()


def different_rows(examples: Sequence[InferRequest]) -> list[InferRequest]:
    """Up to MAX_EXAMPLE_ROWS different rows of the examples with one batch key; at least one."""
    first = batch_key(examples[0])
    found: list[InferRequest] = []
    for example in examples:
        if batch_key(example) != first:
            continue
        for index in range(example.rows):
            inputs = {name: array[index : index + 1] for name, array in example.inputs.items()}
            if not any(_equal(inputs, other.inputs) for other in found):
                found.append(InferRequest(inputs, 1, example.outputs))
            if len(found) == MAX_EXAMPLE_ROWS:
                return found
    return found


def _equal(some: Tensors, others: Tensors) -> bool:
    return all(np.array_equal(array, others[name]) for name, array in some.items())


def _repeated(rows: Sequence[InferRequest], size: int) -> InferRequest:
    """One request of `size` rows, which repeats these."""
    requests = list(islice(cycle(rows), size))
    return InferRequest(joined(requests), size, rows[0].outputs)
