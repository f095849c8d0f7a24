"""Runs a graph with examples: its declarations leave ranks, lengths and rows open, and may be wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnxruntime

from modelyard.runtimes.examples import OperatorExample, synthetic_example
from modelyard.tensors import DTYPES, FREE, Tensors, TensorSpec

LENGTHS = (1, 8, 64)
"""Tried for free axes other than the rows: a convolution needs more than its kernel, and short lengths suit texts."""
MAX_LENGTH = 4096
"""The largest length of the graph's constants that is tried if there is one free axis."""
MAX_LENGTHS = 6
"""How many lengths of the graph's constants are also tried, the shortest first."""
MANY_ROWS = 48
"""The number of rows in `random_rows`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of running a graph with an example."""

    example: Tensors
    """Inputs that the graph accepts; synthetic ones if it accepts those."""
    outputs: Mapping[str, object] = field(default_factory=dict)
    """The outputs for the operator's example, or else for this one; {} if the graph accepts no example."""
    outputs_one_more: Mapping[str, object] = field(default_factory=dict)
    """The outputs for one more row."""
    no_rows: str = ""
    """Why the first axes are not rows; "" if they are, as far as trial runs show."""

    def checked_with_random_rows(self, many: Mapping[str, object]) -> "Trial":
        """The same, with `no_rows` if the graph did not return MANY_ROWS rows for `random_rows`, whose outputs are `many`."""
        wrong = (
            name for name, value in many.items() if isinstance(value, np.ndarray) and value.shape[:1] != (MANY_ROWS,)
        )
        name = None if self.no_rows else next(wrong, None)
        return (
            self
            if name is None
            else replace(self, no_rows=f"the number of rows of {name!r} depends on the values of the inputs")
        )

    def shapes(self, output: str) -> list[tuple[int, ...]]:
        """The shapes of an output, from one trial run or two; none if the graph accepted no example."""
        tried = (run_outputs.get(output) for run_outputs in (self.outputs, self.outputs_one_more))
        return [value.shape for value in tried if isinstance(value, np.ndarray)]


def run_trial(
    session: onnxruntime.InferenceSession,
    inputs: Sequence[TensorSpec],
    own: OperatorExample | None = None,
    lengths: Iterable[int] = (),
) -> Trial:
    """Try the operator's example and then synthetic ones, until the graph accepts one and returns rows, or else accepts one.

    `lengths` are those of the graph's constants. A graph may also accept a wrong length, and return more rows or fewer.
    """
    synthetic = list(_synthetic_examples(inputs, lengths))
    if own is not None and (outputs := run(session, own.tensors)):
        found = _with_one_more_row(session, inputs, own.tensors, outputs, own.rows)
        # An operator's example is often a single row, and two different rows show more.
        others = (_with_ones(own.tensors), *synthetic)
        return next((replace(found, example=made) for made in others if run(session, made)), found)
    accepted = None
    for made in synthetic:
        if outputs := run(session, made):
            found = _with_one_more_row(session, inputs, made, outputs, False)
            if not found.no_rows:
                return found
            accepted = accepted or found
    return accepted or Trial(synthetic_example(inputs))


def random_rows(inputs: Sequence[TensorSpec]) -> Tensors:
    """MANY_ROWS rows of random numbers of several magnitudes and signs, for every required input.

    {} if one is not a float or has another free axis.
    """
    required = [spec for spec in inputs if not spec.optional]
    if not all(
        DTYPES[spec.datatype].kind == "f" and spec.shape[:1] == (FREE,) and FREE not in spec.shape[1:]
        for spec in required
    ):
        return {}
    random = np.random.default_rng(0)
    scales = np.geomspace(0.01, 1000, MANY_ROWS)
    return {
        spec.name: (random.normal(size=(*spec.shape[1:], MANY_ROWS)) * scales).T.reshape(MANY_ROWS, *spec.shape[1:])
        .astype(DTYPES[spec.datatype])
        for spec in required
    }  # fmt: skip


def run(session: onnxruntime.InferenceSession, inputs: Tensors) -> dict[str, object]:
    """The outputs of the graph by name; {} if it rejects the inputs."""
    names = [arg.name for arg in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, inputs), strict=True))
    except Exception:  # noqa: BLE001 - the inputs are a guess from the signature, and a good model may reject them
        return {}


def _synthetic_examples(inputs: Sequence[TensorSpec], lengths: Iterable[int]) -> Iterator[Tensors]:
    free = sum(spec.shape[1:].count(FREE) for spec in inputs)
    if not free:
        yield synthetic_example(inputs)
        return
    longest = LENGTHS[-1] if free > 1 else MAX_LENGTH
    own = sorted(length for length in set(lengths) if LENGTHS[0] < length <= longest)[:MAX_LENGTHS]
    for length in dict.fromkeys((LENGTHS[0], *own, *LENGTHS)):
        yield synthetic_example(inputs, length)


def _with_ones(tensors: Tensors) -> Tensors:
    """The first row of each input, and a row of ones or "b"."""
    return {
        name: np.concatenate([array[:1], np.full_like(array[:1], "b" if array.dtype == object else 1)])
        if array.ndim
        else array
        for name, array in tensors.items()
    }


def _with_one_more_row(
    session: onnxruntime.InferenceSession,
    inputs: Sequence[TensorSpec],
    tried: Tensors,
    outputs: dict[str, object],
    stated: bool,
) -> Trial:
    """The trial with one more row, if all inputs begin with a free axis. `stated` says that the operator's example has rows."""
    if not all(spec.shape[:1] == (FREE,) for spec in inputs if spec.name in tried):
        return Trial(tried, outputs)
    lengths = {len(array) for array in tried.values()}
    rows = lengths.pop()
    if lengths:
        return Trial(tried, outputs, no_rows="the inputs of the example have different lengths")
    more = run(session, {name: np.concatenate([array, array[-1:]]) for name, array in tried.items()}) if rows else {}
    no_rows = _wrong_length(outputs, rows) or _wrong_length(more, rows + 1)
    if not (no_rows or stated):
        no_rows = (
            _independent_lengths(session, tried, outputs)
            if more
            else f"the graph accepts {rows} of them but not {rows + 1}"
        )
    return Trial(tried, outputs, more, no_rows)


def _wrong_length(outputs: Mapping[str, object], rows: int) -> str:
    """Why the first axes are not rows: the first output without one value per row, such as boxes found in images; else ""."""
    for name, value in outputs.items():
        if isinstance(value, np.ndarray) and value.shape[:1] != (rows,):
            return f"output {name!r} has shape {list(value.shape)} for {rows} rows"
    return ""


def _independent_lengths(session: onnxruntime.InferenceSession, tried: Tensors, outputs: Mapping[str, object]) -> str:
    """Why the first axes are not rows: the graph accepts inputs of different lengths, such as queries and documents; else "".

    If the axes have different names, it is enough that the graph accepts such inputs; the names alone prove nothing, since some
    exporters generate one for each axis. If the axes have no names, an output's shape must change too: an input may be unused.
    """
    names = {arg.shape[0] for arg in session.get_inputs() if arg.name in tried}
    if len(tried) < 2 or (len(names) == 1 and None not in names):
        return ""
    apart = run(session, {name: np.concatenate([array] * n) for n, (name, array) in enumerate(tried.items(), 1)})
    moved = any(_shape(apart[name]) != _shape(value) for name, value in outputs.items() if apart)
    return "the graph accepts inputs of different lengths" if apart and (moved or len(names) > 1) else ""


def _shape(value: object) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else ()
