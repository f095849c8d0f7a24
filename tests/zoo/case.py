"""A generated model: its files in the repository, and its reference outputs without a server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.tensors import Tensors
from tests.zoo.tables import Row, Rows, Table

DOUBLE, SINGLE, HALF = 1e-9, 1e-5, 2e-2
"""Tolerances by the precision of a model; see compare.py."""


class NoCase(Exception):
    """A seed yields no model. Its one argument is the reason."""


class ModelRaised(Exception):
    """The model itself raises an exception for these rows. Its one argument describes the exception."""


@dataclass(frozen=True)
class Case:
    """One model. `reference` raises ModelRaised."""

    name: str
    """A seed that repeats it."""
    kind: str
    """The kind of model, for statistics of rejections."""
    shown: str
    """The model as code, as far as its repr shows it."""
    runtime: str
    files: Mapping[str, bytes]
    table: Table
    requests: list[Row]
    reference: Callable[[Rows], Tensors]
    """The model's own outputs for the rows of one request."""
    classes: list[Any] | None = None
    """A classifier's classes, in the order of its scores."""
    yaml: Mapping[str, Any] = field(default_factory=dict)
    must_serve: bool = True
    """Whether a rejection at load is a fault."""
    tolerance: float = DOUBLE
    """The relative tolerance of floats."""
    mixes_rows: bool = False
    """Whether the output for a row depends on the other rows of its request."""
    rows_alone: bool = True
    """Whether the model computes each row independently."""
    other_references: tuple[Callable[[Rows], Tensors], ...] = ()
    """The model's own outputs for ambiguous rows (see `Table.is_unambiguous`), in other readings."""
    whole_requests: list[Row] = field(default_factory=list)
    """For a model without rows: whole tensors, one per column, as the only "row" of a request."""
    reference_whole: Callable[[Rows], Tensors] | None = None
    """The model's own outputs for those."""
    whole: bool = False
    """Whether `requests` and `reference` are for whole tensors."""

    def as_whole(self) -> "Case":
        """The case with requests of whole tensors."""
        assert self.reference_whole
        return replace(self, requests=self.whole_requests, reference=self.reference_whole, whole=True)
