"""A generated model: its files as an operator would put them into the repository, and what it answers without a server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.tensors import Tensors
from tests.zoo.data import Row, Rows, Table

DOUBLE, SINGLE, HALF = 1e-9, 1e-5, 2e-2
"""Tolerances, by the precision that a model computes in; see compare.py."""


class NoCase(Exception):
    """A seed gives no model; its one argument says why."""


class ModelRaised(Exception):
    """The model itself raises on these rows; its one argument is what it raised."""


@dataclass(frozen=True)
class Case:
    """One model. `reference` raises ModelRaised."""

    name: str
    """A seed that repeats it."""
    kind: str
    """What it is, for statistics of rejections."""
    shown: str
    """The model as code, as good as its repr is."""
    runtime: str
    files: Mapping[str, bytes]
    table: Table
    requests: list[Row]
    reference: Callable[[Rows], Tensors]
    """Its own answers to the rows of one request, by output."""
    classes: list[Any] | None = None
    """A classifier's classes, in the order of its scores."""
    yaml: Mapping[str, Any] = field(default_factory=dict)
    must_serve: bool = True
    """Whether a refusal at load is a fault."""
    tolerance: float = DOUBLE
    """How far floats may differ, as a share of their value."""
    mixes_rows: bool = False
    """Whether the answer for a row depends on the others of its request."""
    rows_alone: bool = True
    """Whether each row is answered by itself, so that a model that takes no rows is refused more than it must be."""
    other_references: tuple[Callable[[Rows], Tensors], ...] = ()
    """The own answers to rows that are not settled (see `Table.is_unambiguous`), in other readings."""
    whole_requests: list[Row] = field(default_factory=list)
    """For a model that the server gives no rows: whole tensors, one a column, as the one "row" of a request."""
    reference_whole: Callable[[Rows], Tensors] | None = None
    """The own answers to those."""
    whole: bool = False
    """Whether `requests` and `reference` are those."""

    def as_whole(self) -> "Case":
        """The same, asked about whole tensors."""
        assert self.reference_whole
        return replace(self, requests=self.whole_requests, reference=self.reference_whole, whole=True)
