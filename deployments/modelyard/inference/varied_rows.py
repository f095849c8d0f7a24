"""Rows of other magnitudes and signs than the examples', for the proof that rows may share a call. Pure, and the same each time.

Zeros and ones tell little: a graph that scales by the largest value of a batch, or branches on its mean, shows itself only where
rows differ by far. Floats go from a thousandth of the examples' range to a thousand times of it; whole numbers and texts stay
what the examples have, and leave it in rows of their own, as a model may well refuse those.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.tensors import Array, InferRequest

TINY, LARGE = 1e-3, 1e3
FAR = 10
"""How far beyond the examples' range whole numbers go, in times of it."""

Draw = Callable[["_Range", np.random.Generator], Array]
"""The floats of a row."""


@dataclass(frozen=True, slots=True)
class VariedRow:
    """One row."""

    request: InferRequest
    magnitude: str
    """Rows of one magnitude have answers of about one, too; "usual" is the examples' own."""


class _Range:
    """What the examples have at each place of a row."""

    def __init__(self, values: Array) -> None:
        with np.errstate(all="ignore"):
            finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        self.low: Array = finite.min(0)
        self.high: Array = finite.max(0)
        scale = np.maximum(np.abs(self.low), np.abs(self.high))
        self.scale: Array = np.where(scale > 0, scale, scale.max(initial=0.0) or 1.0)

    def within(self, random: np.random.Generator) -> Array:
        """Between the lowest and the highest; on both sides of the only one."""
        narrow = self.low == self.high
        between = self.low + (self.high - self.low) * random.random(self.low.shape)
        return np.where(narrow, self.scale * random.standard_normal(self.low.shape), between)

    def signed(self, random: np.random.Generator) -> Array:
        """About as large, of both signs."""
        return np.multiply(self.scale, random.standard_normal(self.low.shape))

    def positive(self, random: np.random.Generator) -> Array:
        """The same above zero."""
        return np.multiply(self.scale, 0.1 + random.random(self.low.shape))

    def mixed(self, random: np.random.Generator) -> Array:
        """Of both signs, each value of another magnitude."""
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
"""The magnitude of a row, whether its whole numbers and texts leave the examples' range, and its floats; the most telling first."""


def varied_rows(rows: Sequence[InferRequest]) -> Iterator[VariedRow]:
    """Rows that are like these, which are one row each and of one shape, but for their values."""
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
        most = float(np.finfo(values.dtype).max) / 8
        row = np.clip(draw(_Range(values), random), -most, most)
        return row.astype(values.dtype)[None]
    if values.dtype.kind in "iu":
        return _whole_numbers(values, beyond, random)[None]
    if values.dtype.kind == "b":
        return np.asarray(random.random(values.shape[1:]) < 0.5)[None]
    return _recombined(values, beyond, random)[None]


def _whole_numbers(values: Array, beyond: bool, random: np.random.Generator) -> Array:
    kind = np.iinfo(values.dtype)
    low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
    if beyond:
        reach = FAR * (1 + high - low)
        low, high = low - reach, high + reach
    row = np.floor(low + (1 + high - low) * random.random(low.shape))
    # The largest of 64 bits have no float of their own, and the next one is too large.
    bounded: Array = np.clip(row, float(kind.min), np.nextafter(float(kind.max), 0))
    return bounded.astype(values.dtype)


def _recombined(values: Array, beyond: bool, random: np.random.Generator) -> Array:
    """Values that the examples have at each place, and beyond that two of them joined: texts of other lengths."""
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
