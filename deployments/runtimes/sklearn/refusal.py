"""Why a model failed on a request, where the request is to blame. Looked for only after it failed. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deployments.errors import BadValue, InvalidRequest
from deployments.runtimes.sklearn.columns import categories_of, is_missing
from deployments.runtimes.sklearn.readers import Reader
from deployments.runtimes.sklearn.table import Table
from deployments.tensors import Tensors

MOST_NAMED = 5
"""Categories named in a message."""

Known = Mapping[str, list[Any]]
"""The categories of each input that may hold no others."""


def known_categories(read_by: Sequence[Reader], table: Table) -> Known:
    """Of the inputs that encoders read which fail on what they do not know."""
    if table.is_plain:
        return {}
    known: dict[str, list[Any]] = {}
    for reader in read_by:
        if getattr(reader.part, "handle_unknown", "") == "error":
            for index, values in zip(
                reader.indices, categories_of(reader.part, len(reader.indices)) or (), strict=False
            ):
                known[table.names[index]] = values.tolist()
    return known


def refusal(inputs: Tensors, known: Known) -> InvalidRequest | None:
    """The error for all numbers that are not finite and unknown categories, if there are any.

    Call it where the model failed: many models take both.
    """
    bad = [*_not_finite(inputs), *_unknown(inputs, known)]
    return InvalidRequest.at(bad) if bad else None


def _not_finite(inputs: Tensors) -> list[BadValue]:
    """The first in each input. What single precision cannot hold counts as well: forests compute in it."""
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
                f"input {name!r} holds {array[(row, *column)]} ({where}), where the model takes finite numbers only"
            )
            bad.append(BadValue("", message + ("" if not np.isfinite(array[(row, *column)]) else ", up to 3.4e38")))
    return bad


def _unknown(inputs: Tensors, known: Known) -> list[BadValue]:
    bad = []
    for name, categories in known.items():
        if name not in inputs:
            continue
        values = [
            value.decode(errors="replace") if isinstance(value, bytes) else value for value in inputs[name].tolist()
        ]
        if any(map(is_missing, categories)):
            values = [categories[0] if is_missing(value) else value for value in values]
        row = next((row for row, value in enumerate(values) if value not in categories), None)
        if row is not None:
            bad.append(
                BadValue(
                    "", f"input {name!r} holds {values[row]!r} (row {row}), where the model knows {_some(categories)}"
                )
            )
    return bad


def _some(categories: list[Any]) -> str:
    more = len(categories) - MOST_NAMED
    return ", ".join(map(repr, categories[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
