"""Generates rows of other magnitudes and signs than the examples, to test whether rows may share a batch. Deterministic.

A graph that scales by the largest value of a batch, or branches on its mean, behaves differently only if rows differ by far.
Floats range from a thousandth to a thousand times the examples' range. Integers and texts stay in the examples' range, except in
rows of their own, as a model may reject those.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.tensors import Array, InferRequest

TINY, LARGE = 1e-3, 1e3
RANGE_FACTOR = 10
"""How far integers exceed the examples' range, in multiples of it."""

Draw = Callable[["_Range", np.random.Generator], Array]
"""Generates the floats of a row."""


@dataclass(frozen=True, slots=True)
class VariedRow:
    """One row."""

    request: InferRequest
    magnitude: str
    """Rows of one magnitude have outputs of about one magnitude, too; "usual" is that of the examples."""


class _Range:
    """The range of the examples at each position of a row."""

    def __init__(self, values: Array) -> None:
        with np.errstate(all="ignore"):
            finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        self.low: Array = finite.min(0)
        self.high: Array = finite.max(0)
        scale = np.maximum(np.abs(self.low), np.abs(self.high))
        self.scale: Array = np.where(scale > 0, scale, scale.max(initial=0.0) or 1.0)

    def within(self, random: np.random.Generator) -> Array:
        """Within the range; around the value, of both signs, if there is only one."""
        narrow = self.low == self.high
        between = self.low + (self.high - self.low) * random.random(self.low.shape)
        return np.where(narrow, self.scale * random.standard_normal(self.low.shape), between)

    def signed(self, random: np.random.Generator) -> Array:
        """Of the examples' magnitude, of both signs."""
        return np.multiply(self.scale, random.standard_normal(self.low.shape))

    def positive(self, random: np.random.Generator) -> Array:
        """Of the examples' magnitude, above zero."""
        return np.multiply(self.scale, 0.1 + random.random(self.low.shape))

    def mixed(self, random: np.random.Generator) -> Array:
        """Of both signs, each value with another magnitude."""
        powers = random.uniform(np.log10(TINY), np.log10(LARGE), self.low.shape)
        return np.multiply(self.signed(random), 10**powers)


FLOATS: Sequence[tuple[str, bool, Draw]] = (
    ("large", False, lambda span, random: -LARGE * span.positive(random)),
    ("tiny", False, lambda span, random: TINY * span.signed(random)),
    ("usual", True, _Range.within),
    ("large", False, lambda span, random: LARGE * span.signed(random)),
    ("usual", False, lambda span, random: -span.positive(random)),
    ("mixed", False, _Range.mixed),
    ("tiny", False, lambda span, random: -TINY * span.positive(random)),
    ("usual", True, _Range.signed),
    ("large", False, lambda span, random: LARGE * span.positive(random)),
    ("mixed", False, _Range.mixed),
)
"""The magnitude of a row, whether its integers and texts exceed the examples' range, and its floats. The most likely to show a
difference are first."""


def varied_rows(rows: Sequence[InferRequest]) -> Iterator[VariedRow]:
    """Rows that differ from these only in their values. `rows` are requests of one row and of one shape."""
    random = np.random.default_rng(0)
    columns = {name: np.concatenate([row.inputs[name] for row in rows]) for name in rows[0].inputs}
    floats = any(values.dtype.kind == "f" for values in columns.values())
    for magnitude, beyond, draw in FLOATS:
        if not floats and magnitude != "usual":
            continue
        inputs = {name: _row(values, beyond, draw, random) for name, values in columns.items()}
        yield VariedRow(InferRequest(inputs, 1, rows[0].outputs), magnitude)


def _row(values: Array, beyond: bool, draw: Draw, random: np.random.Generator) -> Array:
    if values.dtype.kind == "f":
        limit = float(np.finfo(values.dtype).max) / 8
        row = np.clip(draw(_Range(values), random), -limit, limit)
        return row.astype(values.dtype)[None]
    if values.dtype.kind in "iu":
        return _integers(values, beyond, random)[None]
    if values.dtype.kind == "b":
        return np.asarray(random.random(values.shape[1:]) < 0.5)[None]
    return _recombined(values, beyond, random)[None]


def _integers(values: Array, beyond: bool, random: np.random.Generator) -> Array:
    kind = np.iinfo(values.dtype)
    low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
    if beyond:
        reach = RANGE_FACTOR * (1 + high - low)
        low, high = low - reach, high + reach
    row = np.floor(low + (1 + high - low) * random.random(low.shape))
    # The largest 64-bit integers are no floats, and the next float is too large.
    bounded: Array = np.clip(row, float(kind.min), np.nextafter(float(kind.max), 0))
    return bounded.astype(values.dtype)


def _recombined(values: Array, beyond: bool, random: np.random.Generator) -> Array:
    """Values of the examples at each position; if `beyond`, each is joined with itself, for texts of other lengths."""
    picked = random.integers(0, len(values), values.shape[1:])
    row = np.take_along_axis(values, np.asarray(picked)[None], 0)[0] if values.ndim > 1 else values[int(picked)]
    cells = np.empty(values.shape[1:], object)
    cells[...] = row
    if beyond:
        flat = cells.reshape(-1)
        for index, value in enumerate(flat.tolist()):
            flat[index] = _longer(value)
    return cells


def _longer(value: object) -> object:
    if isinstance(value, str):
        return f"{value} {value}"
    return value + b" " + value if isinstance(value, bytes) else value
