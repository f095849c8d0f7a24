"""Tests whether rows may share a batch: compares the outputs for each row alone with its outputs in batches."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from modelyard.inference.batch import joined, outputs_of
from modelyard.inference.varied_rows import varied_rows
from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import Array, InferRequest, Tensors

RTOL = 1e-4
"""Relative tolerance between a row alone and in a batch: kernels for other sizes add in another order."""
MAGNITUDE_SHARE = 0.1
"""Where terms cancel, a value near zero has the absolute error of larger ones. So the tolerance is at least that of a value of
this share of the largest output of rows of its magnitude."""
MIN_TRIALS = 2
"""Varied rows, and batches of them, that are tried however slow the model is."""
MAX_WALL_RATIO = 5
RANDOM_BATCHES = 4
COPIES = 7
"""Of one row, in a batch with one other row: enough to move a mean over the rows by seven eighths of their distance."""

Clock = Callable[[], float]


def run(model: LoadedModel, request: InferRequest) -> Tensors:
    """The model's outputs for a copy of one request. Raises RowsError, and whatever the model raises."""
    copy = copied(request)
    return outputs_of(model, model.signature.rowwise, [copy], copy.rows)[0]


def copied(request: InferRequest) -> InferRequest:
    """The request with copied inputs: operator code may change the arrays that it gets."""
    return request.with_inputs({name: array.copy() for name, array in request.inputs.items()})


class BatchParity:
    """Rows, and the model's outputs for each of them alone."""

    def __init__(self, model: LoadedModel, rows: Sequence[InferRequest]) -> None:
        """`rows` are requests of one row with one batch key. Raises what the model raises."""
        self._model = model
        self._rows = list(rows)
        self._alone = [run(model, row) for row in rows]
        self._magnitudes = ["usual"] * len(rows)

    def is_nondeterministic(self) -> bool:
        """Whether the outputs for the same row differ between calls."""
        return bool(self._difference([0]))

    def compare_examples(self) -> str:
        """How the outputs of a batch of all rows differ from those of each row alone; "" if they do not.

        Tests both orders, to find a model that mixes up rows or uses their neighbours.
        """
        order = range(len(self._rows))
        return self._difference(order) or self._difference(order[::-1])

    def compare_varied(self, size: int, seconds: float, clock: Clock, cpu: Clock = time.thread_time) -> str:
        """The same for batches of up to `size` rows, with rows of other magnitudes and signs in other orders and numbers.

        Takes about this many seconds of CPU time, so that a busy machine does not cut the test short; at most MAX_WALL_RATIO times
        as many by the clock, for models whose calls wait. Rows that the model rejects alone are left out.
        """
        started, started_cpu = clock(), cpu()

        def is_over(share: float) -> bool:
            return cpu() - started_cpu > share * seconds or clock() - started > MAX_WALL_RATIO * share * seconds

        examples = len(self._rows)
        for number, varied in enumerate(varied_rows(self._rows)):
            if number >= MIN_TRIALS and is_over(0.5):
                break
            self._add(varied.request, varied.magnitude)
        for number, members in enumerate(batch_compositions(examples, len(self._rows), size)):
            if number >= MIN_TRIALS and is_over(1.0):
                break
            if reason := self._difference(members):
                return reason
        return ""

    def _add(self, row: InferRequest, magnitude: str) -> None:
        try:
            outputs = run(self._model, row)
        except Exception:  # noqa: BLE001 - the model need not support such a row
            return
        self._rows.append(row)
        self._alone.append(outputs)
        self._magnitudes.append(magnitude)

    def _difference(self, members: Sequence[int]) -> str:
        rows = [self._rows[index] for index in members]
        request = InferRequest(joined(rows), len(rows), rows[0].outputs)
        try:
            batched = run(self._model, request)
        except Exception as error:  # noqa: BLE001 - whatever it is, single rows work
            return f"it fails on a batch of {len(rows)} rows ({type(error).__name__}: {error})"
        for name in request.outputs:
            alone = [self._alone[index][name] for index in members]
            if len({array.shape for array in alone}) > 1:
                return f"output {name!r} does not have the same shape for each row"
            largest = {magnitude: self._magnitude(name, magnitude) for magnitude in {*self._magnitudes}}
            magnitudes = np.array([largest[self._magnitudes[index]] for index in members])
            if not close(np.concatenate(alone), batched[name], magnitudes):
                return f"outputs of a row differ between a batch of {len(rows)} rows and the row alone"
        return ""

    def _magnitude(self, name: str, magnitude: str) -> float:
        """The largest value in this output for rows of one magnitude; 0 if the output has no floats."""
        rows = zip(self._alone, self._magnitudes, strict=True)
        return max(_largest(outputs[name]) for outputs, its_magnitude in rows if its_magnitude == magnitude)


def batch_compositions(examples: int, rows: int, size: int) -> Iterator[Sequence[int]]:
    """Batches of at most `size` rows, as row numbers: of the examples, which are first, and of varied rows. The most likely to
    differ are first."""
    varied = range(examples, rows)
    mixed = [number for pair in zip(cycle(range(examples)), varied, strict=False) for number in pair]
    order = [*mixed, *range(min(examples, len(varied)), examples)]
    for each in (order, order[::-1]):
        if len(each) <= size:
            yield list(islice(cycle(each), size))
        else:
            yield from (each[start : start + size] for start in range(0, len(each), size))
    for number, other in enumerate(varied):
        copies = [number % examples] * min(size - 1, COPIES)
        yield [other, *copies]  # a mean over the rows is near the copies, and far from the other row
        yield [number % examples, *[other] * len(copies)]
    for number, other in enumerate(varied):
        pair = [number % examples, other]
        yield pair if number % 2 else pair[::-1]
    random = np.random.default_rng(0)
    for _ in range(RANDOM_BATCHES):
        yield random.choice(rows, int(random.integers(2, size + 1))).tolist()


def close(expected: Array, got: Array, magnitudes: Array) -> bool:
    """Whether outputs are the same except for rounding, which only floats have. `magnitudes` has one value per row."""
    if expected.dtype.kind != "f" or got.dtype.kind != "f":
        return np.array_equal(expected, got)
    if expected.shape != got.shape:
        return False
    # Half precision cannot meet the tolerance of the wider types.
    rtol = max(RTOL, 4 * float(np.finfo(expected.dtype).eps))
    one, other = expected.astype(np.float64), got.astype(np.float64)
    of_row = magnitudes.reshape(-1, *[1] * (one.ndim - 1))
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        within = np.abs(other - one) <= rtol * np.maximum(np.abs(one), MAGNITUDE_SHARE * of_row)
    return bool(np.all(within | (one == other) | (np.isnan(one) & np.isnan(other))))


def _largest(output: Array) -> float:
    if output.dtype.kind != "f":
        return 0.0
    finite = output[np.isfinite(output)]
    return float(np.abs(finite).max(initial=0.0))
