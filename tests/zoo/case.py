"""A generated model: its files as an operator would put them into the repository, and what it answers without a server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.tensors import Tensors
from tests.zoo.data import Row, Rows, Table


class Refuses(Exception):
    """The model itself raises on these rows; its one argument is what it raised."""


@dataclass(frozen=True)
class Case:
    """One model. `answer` raises Refuses."""

    name: str
    """A seed that repeats it."""
    kind: str
    """What it is, for statistics of refusals."""
    shown: str
    """The model as code, as good as its repr is."""
    runtime: str
    files: Mapping[str, bytes]
    table: Table
    asked: list[Row]
    answer: Callable[[Rows], Tensors]
    """Its own answers to the rows of one request, by output."""
    classes: list[Any] | None = None
    """A classifier's classes, in the order of its scores."""
    yaml: Mapping[str, Any] = field(default_factory=dict)
    must_serve: bool = True
    """Whether a refusal at load is a fault."""
    whole: bool = False
    """Whether a request holds whole tensors: one "row" that is not a row of anything."""
    single: bool = False
    """Whether it computes in single precision."""
    alone_only: bool = False
    """Whether the answer for a row depends on the others of its request."""
