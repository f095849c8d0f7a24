"""Warm-up: run a model before it takes traffic, measure what a call costs, and prove that its rows may go together."""

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

BUDGET_S = 0.3
"""For timing one size of call, and about what the largest call that is tried may take."""
PROOF_S = 0.6
"""For the proof that rows may go together, beside the first few calls of it, which are made however slow the model is."""
SETTLED = 1.2
"""A call within this factor of the quickest one before it: lazy initialisation is over."""
MOST_ROWS = 4
"""How many different rows of the examples go into the proof."""
UNKNOWN_S = 0.01
"""What a call is taken to cost where nothing was measured: dear, so that it stays off the event loop until known
better."""

Clock = Callable[[], float]


class WarmupFailed(Exception):
    """The model fails on the operator's own example; its one argument tells the operator how."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """What warm-up found out. A call of n rows takes about `fixed_s + n * per_row_s` seconds."""

    fixed_s: float
    per_row_s: float
    batchable: bool
    reason: str = ""
    """Why requests never share a call; "" where they do."""
    row_size: float = 0.0
    """What a row held in these calls, where rows differ in size; see `row_size`."""


def warm(
    model: LoadedModel,
    examples: Sequence[InferRequest],
    *,
    batching: Batching,
    synthesised: bool = False,
    clock: Clock = time.perf_counter,
) -> Warmup:
    """Run the model on each example, then measure and judge it.

    The proof that rows may go together needs two different ones: from the examples, or from the model's own.

    `synthesised` says that the examples are guesses from the signature: a model that fails on them may still be good,
    so it is served, one request at a time. A failure on the operator's own examples raises WarmupFailed.
    """
    try:
        for example in examples:
            run(model, example)
            _first_part(model, example)
    except (Exception, SystemExit) as error:
        told = f"{type(error).__name__}: {error}"
        if synthesised:
            return Warmup(0.0, UNKNOWN_S, False, f"it failed on an example made from its signature ({told})")
        raise WarmupFailed(f"the model failed on its example: {told}") from error
    try:
        return _judge(model, examples, batching, clock)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the example works, and that was what had to
        told = f"{type(error).__name__}: {error}"
        return Warmup(0.0, UNKNOWN_S, False, f"it does not take each row of its example alone ({told})")


def _judge(model: LoadedModel, examples: Sequence[InferRequest], batching: Batching, clock: Clock) -> Warmup:
    if not examples:
        return Warmup(0.0, UNKNOWN_S, False, "there is no example to try it with")
    rowwise = model.signature.rowwise
    rows = different_rows(examples) if rowwise else examples
    if rowwise and len(rows) == 1:
        rows = different_rows([*examples, *_own_rows(model, examples[0])])
    size_of_row = row_size(model, rows[0])
    one_s = _timing(model, rows[0], clock)
    # Where more rows are not measured, each is taken to cost a call.
    alone = Warmup(0.0, one_s, False, "", size_of_row)
    if reason := _not_together(model, rows, batching):
        return replace(alone, reason=reason)
    proof = BatchParity(model, rows)
    if reason := "the same row gives another answer each time" if proof.unsteady() else proof.together():
        return replace(alone, reason=reason)
    size = _affordable(model, rows, one_s, batching, clock)
    reason = proof.among_others(size, PROOF_S, clock)
    many_s = _timing(model, _repeated(rows, size), clock)
    per_row_s = max(0.0, (many_s - one_s) / (size - 1))
    return Warmup(max(0.0, one_s - per_row_s), per_row_s, not reason, reason, size_of_row)


def _not_together(model: LoadedModel, rows: Sequence[InferRequest], batching: Batching) -> str:
    """Why it need not be tried whether rows may share a call; "" where it must."""
    if not model.signature.rowwise:
        return "its inputs and outputs do not share one free first axis"
    if batching.max_size == 1:
        return "it is turned off (max_size: 1)"
    if mixes := getattr(model, "mixes_rows", ""):  # what a runtime knows from the artefact
        return str(mixes)
    return "the example has no two different rows to prove it with" if len(rows) == 1 else ""


def _own_rows(model: LoadedModel, like: InferRequest) -> list[InferRequest]:
    """Rows of the example that the model itself names, as far as they work: an operator's example often holds a single row."""
    length = min((len(array) for array in model.example.values()), default=0)
    rows = [
        InferRequest({name: array[index : index + 1] for name, array in model.example.items()}, 1, like.outputs)
        for index in range(min(length, MOST_ROWS))
    ]
    return [row for row in rows if _works(model, row)]


def _works(model: LoadedModel, request: InferRequest) -> bool:
    try:
        run(model, request)
    except Exception:  # noqa: BLE001 - a guess from the signature; nobody said that it works
        return False
    return True


def _affordable(
    model: LoadedModel, rows: Sequence[InferRequest], one_s: float, batching: Batching, clock: Clock
) -> int:
    """Rows of the largest call to try: `max_size`, or what a slow model does within the budget; at least 2."""
    per_row_s = max(_timing(model, _repeated(rows, 2), clock) - one_s, MIN_S)
    return max(2, min(batching.max_size, 1 + int((BUDGET_S - one_s) / per_row_s)))


def _timing(model: LoadedModel, request: InferRequest, clock: Clock) -> float:
    """Seconds of the quickest of a few calls: until two in a row are about as quick as the best before them, or the
    budget is spent."""
    begun = clock()
    best = float("inf")
    settled = 0
    while settled < 2 and clock() - begun < BUDGET_S:
        own = copied(request)
        started = clock()
        outputs_of(model, model.signature.rowwise, [own], own.rows)
        took = clock() - started
        settled = settled + 1 if best / SETTLED <= took <= best * SETTLED else 0
        best = min(best, took)
    return best


def _first_part(model: LoadedModel, request: InferRequest) -> None:
    """Generate as far as the first part, where the model can; the rest costs no more surprises, only time."""
    if isinstance(model, GeneratingModel):
        steps = iter(model.generate(copied(request).inputs, request.outputs))
        next(steps, None)
        if hasattr(steps, "close"):
            steps.close()


def different_rows(examples: Sequence[InferRequest]) -> list[InferRequest]:
    """Up to MOST_ROWS rows of the examples that differ from one another and may share a call; at least one."""
    first = batch_key(examples[0])
    found: list[InferRequest] = []
    for example in examples:
        if batch_key(example) != first:
            continue
        for index in range(example.rows):
            inputs = {name: array[index : index + 1] for name, array in example.inputs.items()}
            if not any(_equal(inputs, other.inputs) for other in found):
                found.append(InferRequest(inputs, 1, example.outputs))
            if len(found) == MOST_ROWS:
                return found
    return found


def _equal(some: Tensors, others: Tensors) -> bool:
    return all(np.array_equal(array, others[name]) for name, array in some.items())


def _repeated(rows: Sequence[InferRequest], size: int) -> InferRequest:
    """One request of `size` rows: these, over and over."""
    requests = list(islice(cycle(rows), size))
    return InferRequest(joined(requests), size, rows[0].outputs)
