"""The proof that rows may share a call: each row's answer alone, compared with its answer in other batch_compositions."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from modelyard.inference.batch import joined, outputs_of
from modelyard.inference.varied_rows import varied_rows
from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import Array, InferRequest, Tensors

RTOL = 1e-4
"""How far floats may differ between a row alone and in a batch: other kernels add up in another order."""
OF_MAGNITUDE = 0.1
"""Where terms cancel, a value near zero differs by what larger ones of its magnitude may: it may by this part of their RTOL."""
MIN_TRIALS = 2
"""Varied rows, and batch_compositions of them, that are tried however slow the model is."""
WAITS = 5
SHUFFLES = 4
COPIES = 7
"""Of one row around another: enough to move a mean over the rows by seven eighths of their distance."""

Clock = Callable[[], float]


def run(model: LoadedModel, request: InferRequest) -> Tensors:
    """The model's outputs for one request, which it gets a copy of; raises RowsError, and whatever the model raises."""
    own = copied(request)
    return outputs_of(model, model.signature.rowwise, [own], own.rows)[0]


def copied(request: InferRequest) -> InferRequest:
    """The same with inputs of its own: an operator's code may change what it is given."""
    return request.with_inputs({name: array.copy() for name, array in request.inputs.items()})


class BatchParity:
    """Rows, and what the model gives for each of them alone."""

    def __init__(self, model: LoadedModel, rows: Sequence[InferRequest]) -> None:
        """The rows are one each, may share a call, and work. Raises what the model raises."""
        self._model = model
        self._rows = list(rows)
        self._alone = [run(model, row) for row in rows]
        self._magnitudes = ["usual"] * len(rows)

    def unsteady(self) -> bool:
        """Whether the same row gives another answer each time."""
        return bool(self._compared([0]))

    def together(self) -> str:
        """How the answers of a call with all rows differ from theirs alone; "" where they do not. In both orders, so that a model
        that mixes rows up, or looks at their neighbours, is found out."""
        order = range(len(self._rows))
        return self._compared(order) or self._compared(order[::-1])

    def among_others(self, size: int, seconds: float, clock: Clock, cpu: Clock = time.thread_time) -> str:
        """The same with rows of other magnitudes and signs, in calls of up to `size` rows: in other batch_compositions, places and numbers.

        It takes about so many seconds of CPU, so that a busy machine does not cut it short, and at most WAITS times as many by the
        clock, for models that wait in their calls. Rows that the model refuses alone are left out.
        """
        begun, begun_cpu = clock(), cpu()

        def is_over(share: float) -> bool:
            return cpu() - begun_cpu > share * seconds or clock() - begun > WAITS * share * seconds

        examples = len(self._rows)
        for number, varied in enumerate(varied_rows(self._rows)):
            if number >= MIN_TRIALS and is_over(0.5):
                break
            self._add(varied.request, varied.magnitude)
        for number, company in enumerate(batch_compositions(examples, len(self._rows), size)):
            if number >= MIN_TRIALS and is_over(1.0):
                break
            if reason := self._compared(company):
                return reason
        return ""

    def _add(self, row: InferRequest, magnitude: str) -> None:
        try:
            answer = run(self._model, row)
        except Exception:  # noqa: BLE001 - nobody said that the model takes it
            return
        self._rows.append(row)
        self._alone.append(answer)
        self._magnitudes.append(magnitude)

    def _compared(self, company: Sequence[int]) -> str:
        rows = [self._rows[index] for index in company]
        request = InferRequest(joined(rows), len(rows), rows[0].outputs)
        try:
            together = run(self._model, request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the model does well with one row
            return f"it fails on {len(rows)} rows together ({type(error).__name__}: {error})"
        for name in request.outputs:
            alone = [self._alone[index][name] for index in company]
            if len({answer.shape for answer in alone}) > 1:
                return f"output {name!r} is of another shape for each row"
            largest = {magnitude: self._magnitude(name, magnitude) for magnitude in {*self._magnitudes}}
            magnitudes = np.array([largest[self._magnitudes[index]] for index in company])
            if not close(np.concatenate(alone), together[name], magnitudes):
                return f"rows give other answers among {len(rows)} rows than alone"
        return ""

    def _magnitude(self, name: str, magnitude: str) -> float:
        """The largest value that rows of one magnitude have in this output; 0 where it is not of floats."""
        all_ = zip(self._alone, self._magnitudes, strict=True)
        return max(_largest(answer[name]) for answer, of in all_ if of == magnitude)


def batch_compositions(examples: int, rows: int, size: int) -> Iterator[Sequence[int]]:
    """Rows by their numbers, at most `size` of them: examples among varied ones, which come behind them; the most telling first."""
    varied = range(examples, rows)
    mixed = [number for pair in zip(cycle(range(examples)), varied, strict=False) for number in pair]
    order = [*mixed, *range(min(examples, len(varied)), examples)]
    for each in (order, order[::-1]):
        if len(each) <= size:
            yield list(islice(cycle(each), size))
        else:
            yield from (each[start : start + size] for start in range(0, len(each), size))
    for number, other in enumerate(varied):
        among = [number % examples] * min(size - 1, COPIES)
        yield [other, *among]  # a mean over the rows is nearly the copies' own, and far from the other row
        yield [number % examples, *[other] * len(among)]
    for number, other in enumerate(varied):
        pair = [number % examples, other]
        yield pair if number % 2 else pair[::-1]
    random = np.random.default_rng(0)
    for _ in range(SHUFFLES):
        yield random.choice(rows, int(random.integers(2, size + 1))).tolist()


def close(expected: Array, got: Array, magnitudes: Array) -> bool:
    """Whether answers are the same but for rounding; `magnitudes` has one value a row. Only floats may differ at all."""
    if expected.dtype.kind != "f" or got.dtype.kind != "f":
        return np.array_equal(expected, got)
    if expected.shape != got.shape:
        return False
    # Half precision cannot keep the tolerance of the wider types.
    rtol = max(RTOL, 4 * float(np.finfo(expected.dtype).eps))
    one, other = expected.astype(np.float64), got.astype(np.float64)
    of_row = magnitudes.reshape(-1, *[1] * (one.ndim - 1))
    with np.errstate(invalid="ignore"):  # the same infinity twice
        within = np.abs(other - one) <= rtol * np.maximum(np.abs(one), OF_MAGNITUDE * of_row)
    return bool(np.all(within | (one == other) | (np.isnan(one) & np.isnan(other))))


def _largest(answer: Array) -> float:
    if answer.dtype.kind != "f":
        return 0.0
    finite = answer[np.isfinite(answer)]
    return float(np.abs(finite).max(initial=0.0))
