"""Inspects a fitted estimator before it serves: its table, an example that it accepts, and rows for the parity check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.sklearn.request_errors import KnownCategories, known_categories
from modelyard.runtimes.sklearn.table import datatypes, synthetic_rows
from modelyard.runtimes.sklearn.table.columns import table_of
from modelyard.runtimes.sklearn.table.operator_example import example_columns, example_rows
from modelyard.runtimes.sklearn.table.ranges import Range, ranges_of
from modelyard.runtimes.sklearn.table.readers import Reader, readers, reads_text
from modelyard.runtimes.sklearn.table.table import FLOATS, NOT_MISSING, Column, Table, single_precision
from modelyard.runtimes.sklearn.table.trial_runs import FittedEstimator
from modelyard.runtimes.sklearn.table.unused_columns import mark_unused_columns
from modelyard.tensors import Tensors

INSPECTION = "sklearn inspection"
"""The name of its result in RESULTS."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A fitted estimator, and what is known about the rows that it accepts."""

    fitted: FittedEstimator
    table: Table | None
    """None if its rows are texts."""
    example: Tensors
    works: bool
    """Whether the model accepts the example."""
    parity_sets: Sequence[Tensors]
    """Sets of rows for the parity check; empty if no example works."""
    known: KnownCategories

    @property
    def rows(self) -> Any:
        """The example in the form that the estimator takes; None if the estimator rejects it."""
        return self.fitted.read(self.table)(self.example) if self.works else None


def inspect_estimator(estimator: Any, files: Files, spec: ModelSpec) -> Inspection:
    """Inspect a fitted estimator, or use what `remember` has stored for it.

    Raises LoadError if the datatype of an input cannot be determined.
    """
    known: _Known | None = RESULTS.get(INSPECTION)
    if known is not None:
        return known.of(estimator)
    return _texts(estimator) if reads_text(estimator) else _table(estimator, files, spec)


@dataclass(frozen=True, slots=True)
class _Known:
    """An inspection without its estimator and its rows for the parity check."""

    table: Table
    is_numbered: bool
    example: Tensors

    def of(self, estimator: Any) -> Inspection:
        """The inspection of the same estimator, loaded again."""
        fitted = FittedEstimator(estimator, self.table.is_frame, numbered=self.is_numbered)
        return Inspection(fitted, self.table, self.example, True, [], {})


def remember(inspection: Inspection) -> None:
    """Store an inspection for the next load of the same files: its trial runs may take longer than the load itself.

    Call it only if the result of the parity check is stored too. Tables with categories are not stored: they may be large.
    """
    table = inspection.table
    if table is None or not table.is_plain or not inspection.works or inspection.fitted.has_other_code:
        return
    known = _Known(table, inspection.fitted.is_numbered, inspection.example)
    RESULTS.once(INSPECTION, lambda: known)


def _texts(estimator: Any) -> Inspection:
    texts = np.array(synthetic_rows.texts(estimator), dtype=object)
    fitted = FittedEstimator(estimator, is_frame=False)
    try:
        fitted.predict(texts[:2])
    except Exception as error:
        raise LoadError(
            f"the {type(estimator).__name__} begins with a text vectorizer, but rejects texts: {error}"
        ) from error
    return Inspection(fitted, None, {"text": texts[:2]}, True, [{"text": texts}], {})


def _table(estimator: Any, files: Files, spec: ModelSpec) -> Inspection:
    names, width = ([each.name for each in spec.inputs], 0) if spec.inputs else example_columns(files)
    table = table_of(estimator, names, width)
    fitted = FittedEstimator(estimator, table.is_frame, numbered=table.is_numbered)
    table = datatypes.declared(table, spec.inputs)
    operator_rows = example_rows(files, table.names, [column.name for column in table.read])
    table = datatypes.from_example(table, operator_rows, fitted.trial)
    read_by = [*readers(estimator, table.names)]
    ranges = ranges_of(read_by, len(table.columns))
    made = [*synthetic_rows.examples(table, ranges)]
    known = [column.name for column in table.read if column.datatype]
    table = datatypes.infer_by_trial(table, {name: made[0][name] for name in known}, fitted)
    return _inspect_by_trial(fitted, table, operator_rows, read_by, ranges)


def _inspect_by_trial(
    fitted: FittedEstimator,
    table: Table,
    operator_rows: synthetic_rows.Values,
    read_by: Sequence[Reader],
    ranges: Sequence[Range | None],
) -> Inspection:
    """The inspection with the first example that the model accepts: the operator's, or a synthetic one."""
    made = [values for values in (operator_rows, *synthetic_rows.examples(table, ranges)) if values]
    complete = [values for values in made if all(column.name in values for column in table.read)]
    tried = ((*candidate, values) for candidate in _candidates(fitted, table) for values in complete)
    works = (each for each in tried if each[0].trial(*each[1:]) is not None)
    fitted, table, base = next(works, (fitted, table, None))
    known = known_categories(read_by, table)
    if base is None:
        return Inspection(fitted, table, synthetic_rows.tensors(table, complete[-1]), False, [], known)
    table = mark_unused_columns(table, fitted.estimator, fitted.rows(table, base), fitted.predict)
    table = datatypes.from_example(table, operator_rows, fitted.trial)
    base = {**complete[-1], **base}
    table = _with_missing(datatypes.infer_by_trial(table, base, fitted), base, fitted)
    two = next((values for values in complete if len(values[table.names[0]]) > 1 and values is not base), base)
    example = two if fitted.trial(table, two) is not None else base
    sets = [synthetic_rows.tensors(table, rows) for rows in synthetic_rows.parity_rows(table, ranges, base)]
    return Inspection(
        fitted,
        table,
        synthetic_rows.tensors(table, example),
        True,
        [synthetic_rows.tensors(table, base), *sets],
        known,
    )


def _candidates(fitted: FittedEstimator, table: Table) -> Iterator[tuple[FittedEstimator, Table]]:
    """Ways in which the estimator may have been fitted, if it does not say. Lazy: each is built only when it is tried."""
    yield fitted, table
    others = [
        column for column in table.columns if not column.is_read or (column.wire == "BYTES" and not column.is_category)
    ]
    if (
        table.is_frame and others
    ):  # if one of them is a category, scikit-learn converts the frame to an array of objects
        yield (
            fitted,
            table.changed({column.name: replace(column, is_category=True, categories=()) for column in others}),
        )
    yield fitted, single_precision(table)
    whole = [column for column in table.read if column.datatype == "INT64"]
    if whole:  # pandas holds integers as floats if some are missing
        yield fitted, table.changed({column.name: replace(column, datatype="FP64") for column in whole})
    if not table.is_frame and find_spec("pandas"):
        yield FittedEstimator(fitted.estimator, is_frame=False, numbered=True), table


def _with_missing(table: Table, base: synthetic_rows.Values, fitted: FittedEstimator) -> Table:
    """The table, with a missing value for each column in which the model accepts one although it was fitted without."""

    def accepts(column: Column, missing: Any) -> bool:
        tried = table.changed({column.name: replace(column, missing=missing)})
        return fitted.trial(tried, {**base, column.name: [None, *base[column.name][1:]]}) is not None

    def settle(column: Column) -> Column:
        if not column.is_read or column.datatype in FLOATS or column.missing is not NOT_MISSING:
            return column
        kinds = (float("nan"), None)
        return replace(column, missing=next((missing for missing in kinds if accepts(column, missing)), NOT_MISSING))

    return Table(tuple(map(settle, table.columns)), table.is_frame)
