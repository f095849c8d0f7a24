"""Explains why a model failed on a request, if the request is at fault. Used only after a failure. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.errors import BadValue, InvalidRequest
from modelyard.runtimes.sklearn.table.columns import categories_of, is_missing
from modelyard.runtimes.sklearn.table.readers import Reader
from modelyard.runtimes.sklearn.table.table import Table
from modelyard.tensors import Tensors

MAX_NAMED_CATEGORIES = 5
"""How many categories a message names."""


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories that an encoder knows for a column."""

    values: list[Any]
    is_strict: bool
    """Whether it fails on others. If it does not, a later step may fail on its output."""

    def has(self, value: Any) -> bool:
        """Whether this is one of them. All kinds of missing value are equivalent."""
        return any(map(is_missing, self.values)) if is_missing(value) else value in self.values


KnownCategories = Mapping[str, Categories]
"""By input."""


def known_categories(read_by: Sequence[Reader], table: Table) -> KnownCategories:
    """The categories of the inputs that encoders read."""
    if table.is_plain:
        return {}
    known: dict[str, Categories] = {}
    for reader in read_by:
        is_strict = getattr(reader.part, "handle_unknown", "") == "error"
        for index, values in zip(reader.indices, categories_of(reader.part, len(reader.indices)) or (), strict=False):
            known[table.names[index]] = Categories(values.tolist(), is_strict)
    return known


def request_error(inputs: Tensors, known: KnownCategories) -> InvalidRequest | None:
    """The error for unknown categories or for numbers that are not finite, if there are any.

    Call it only after the model failed: many models accept both. Categories on which an encoder fails come first: beside them, a
    number that is not finite may be one that the model accepts.
    """
    strict = {name: categories for name, categories in known.items() if categories.is_strict}
    bad = [*_unknown(inputs, strict)] or [*_not_finite(inputs)] or [*_unknown(inputs, known)]
    return InvalidRequest.at(bad) if bad else None


def _not_finite(inputs: Tensors) -> list[BadValue]:
    """The first one in each input, including numbers outside single precision: forests compute in it."""
    bad = []
    for name, array in inputs.items():
        if array.dtype.kind != "f":
            continue
        with np.errstate(over="ignore"):
            usable = np.isfinite(array.astype(np.float32))
        if not usable.all():
            row, *column = np.argwhere(~usable)[0].tolist()
            where = f"row {row}" + (f", column {column[0]}" if column else "")
            message = (
                f"input {name!r} contains {array[(row, *column)]} ({where}), but the model accepts finite numbers only"
            )
            bad.append(BadValue("", message + ("" if not np.isfinite(array[(row, *column)]) else ", up to 3.4e38")))
    return bad


def _unknown(inputs: Tensors, known: KnownCategories) -> list[BadValue]:
    """The first one in each input."""
    bad = []
    for name, categories in known.items():
        found = inputs[name].tolist() if name in inputs else []
        values = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in found]
        row = next((row for row, value in enumerate(values) if not categories.has(value)), None)
        if row is not None:
            where = f"input {name!r} contains {values[row]!r} (row {row})"
            bad.append(BadValue("", f"{where}, but the model knows {_first_few(categories.values)}"))
    return bad


def _first_few(categories: list[Any]) -> str:
    more = len(categories) - MAX_NAMED_CATEGORIES
    return ", ".join(map(repr, categories[:MAX_NAMED_CATEGORIES])) + (f" and {more} more" if more > 0 else "")
