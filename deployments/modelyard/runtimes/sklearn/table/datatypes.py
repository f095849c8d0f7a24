"""The datatypes of columns that only code outside scikit-learn reads.

They come from the operator: from `inputs` in the YAML, or from example.json. If neither declares them, trial runs do: a datatype
counts only if the model rejects all others, since code that accepts both numbers and strings returns a result for either.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any

from modelyard.config.inputs_spec import InputType
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.fast_path.parity import equal
from modelyard.runtimes.sklearn.table.columns import is_missing
from modelyard.runtimes.sklearn.table.synthetic_rows import DEFAULT_RANGE, Values
from modelyard.runtimes.sklearn.table.table import DATETIME, NOT_MISSING, UNKNOWN, Column, Table
from modelyard.runtimes.sklearn.table.trial_runs import FittedEstimator
from modelyard.runtimes.sklearn.table.unused_columns import mark_unused_columns
from modelyard.tensors import Array

Trial = Callable[[Table, Values], Sequence[Array] | None]
"""The model's outputs for these values in a table of these columns; None if it rejects them."""

TRIAL_VALUES: Mapping[str, tuple[Any, Any]] = {
    "FP64": DEFAULT_RANGE,
    "BYTES": ("a", "b"),
    DATETIME: ("2024-02-29", "1999-12-31"),
    "INT64": (1, 2),
    "BOOL": (True, False),
}
"""Trial values for each datatype that an unknown column may have."""
NUMBERS = {"INT64": TRIAL_VALUES["INT64"], "BOOL": TRIAL_VALUES["BOOL"]}
"""Those that are also numbers."""
MAX_TRIALS = 64
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
ADVICE = (
    "set the datatype in `inputs` in the model's YAML ({name: ..., datatype: ...}; DATETIME is ISO 8601 text), or put a "
    "request that works into example.json next to the model"
)


def declared(table: Table, inputs: Sequence[InputType]) -> Table:
    """The table with the datatypes of the YAML. Raises LoadError for inputs that the model does not have."""
    by_name = {each.name: each.datatype for each in inputs}
    if unknown := sorted(by_name.keys() - set(table.names)):
        raise LoadError(
            f"the YAML's `inputs` name {unknown[0]!r}, but the model was fitted with {', '.join(table.names)}"
        )
    return table.changed(
        {name: _as(column, by_name[name]) for name, column in _by_name(table).items() if name in by_name}
    )


def from_example(table: Table, example: Values, trial: Trial) -> Table:
    """The table with the datatypes of the operator's example, if the model accepts it with those.

    Integers in it may represent any numbers, unless the model returns different outputs for 1.0 and 1.
    """
    if any(column.name not in example for column in table.read):
        return table
    values = {column.name: example[column.name] for column in table.read}
    choices = [_kinds(column, values[column.name]) for column in table.read]
    for kinds in islice(product(*choices), MAX_TRIALS):
        typed = [_from_values(*each, values) for each in zip(table.read, kinds, strict=True)]
        candidate = table.changed({column.name: column for column in typed})
        if (outputs := trial(candidate, values)) is not None:
            return _widened(table, candidate, values, outputs, trial)
    return table


def _widened(table: Table, typed: Table, values: Values, expected: Sequence[Array], trial: Trial) -> Table:
    """The table with FP64 instead of INT64 for each column that had no datatype, if the model returns the same outputs."""
    unknown = {column.name for column in table.read if column.datatype == UNKNOWN}
    for column in typed.read:
        if column.name in unknown and column.datatype == "INT64":
            wider = typed.changed({column.name: replace(column, datatype="FP64")})
            outputs = trial(wider, values)
            if outputs is not None and all(map(equal, expected, outputs)):
                typed = wider
    return typed


def infer_by_trial(table: Table, base: Values, fitted: FittedEstimator) -> Table:
    """The table with a datatype for every column. Raises LoadError if one cannot be determined. `base` has values for each known
    column."""
    unknown = [column for column in table.read if column.datatype == UNKNOWN]
    if not unknown:
        return table
    tried = (_typed(table, unknown, kinds, base) for kinds in _assignments(len(unknown)))
    found = next(((typed, values) for typed, values in tried if fitted.trial(typed, values) is not None), None)
    if found is None:
        names = ", ".join(repr(column.name) for column in unknown)
        raise LoadError(f"the datatype of {names} cannot be determined: {ADVICE}")
    typed, values = found
    table = mark_unused_columns(table, fitted.estimator, fitted.rows(typed, values), fitted.predict)
    if not table.read:  # only the number of rows matters
        return table.changed({column.name: replace(column, datatype="FP64") for column in unknown})
    chosen = {
        column.name: _only_kind(typed, column, values, fitted.trial)
        for column in table.read
        if column.datatype == UNKNOWN
    }
    numbers = [column for column in table.read if chosen.get(column.name) == "FP64"]
    if not all(_same_as_fp64(kind, typed, numbers, values, fitted.trial) for kind in NUMBERS):
        chosen |= {column.name: None for column in numbers}
    if ambiguous := [name for name, kind in chosen.items() if kind is None]:
        raise LoadError(f"the model accepts several datatypes for {', '.join(map(repr, ambiguous))}: {ADVICE}")
    return table.changed({name: replace(_by_name(table)[name], datatype=kind or "") for name, kind in chosen.items()})


def _kinds(column: Column, values: Sequence[Any]) -> list[str]:
    """The datatypes that a column with these values may have, the most likely first."""
    present = [value for value in values if not is_missing(value)]
    types = set(map(type, present))
    known = [] if column.datatype == UNKNOWN else [column.datatype]
    if known and (not types or (str in types) == (column.wire == "BYTES")):
        return known
    if types == {bool}:
        return ["BOOL", "FP64", *known]
    if types == {int}:
        return ["INT64", "FP64", *known]
    if types <= {int, float}:
        return ["FP64", *known]
    dates = all(isinstance(value, str) and ISO_8601.fullmatch(value) for value in present)
    return ["BYTES", DATETIME, *known] if dates else ["BYTES", *known]


def _from_values(column: Column, kind: str, example: Values) -> Column:
    has_missing = any(map(is_missing, example[column.name]))
    missing = float("nan") if has_missing and column.missing is NOT_MISSING else column.missing
    return replace(column, datatype=kind, missing=missing)


def _assignments(count: int) -> Iterator[tuple[str, ...]]:
    """Datatypes for `count` columns: first the same for all, then combinations."""
    yield from ((kind,) * count for kind in TRIAL_VALUES)
    yield from islice((kinds for kinds in product(TRIAL_VALUES, repeat=count) if len(set(kinds)) > 1), MAX_TRIALS)


def _typed(table: Table, unknown: Sequence[Column], kinds: Sequence[str], base: Values) -> tuple[Table, Values]:
    """The table with these datatypes for its unknown columns, and matching values."""
    changed = {column.name: replace(column, datatype=kind) for column, kind in zip(unknown, kinds, strict=True)}
    values = {**base, **{column.name: TRIAL_VALUES[kind] for column, kind in zip(unknown, kinds, strict=True)}}
    return table.changed(changed), values


def _only_kind(typed: Table, column: Column, base: Values, trial: Trial) -> str | None:
    """The only datatype that the model accepts in this column, with working values in the others; None if there are several."""

    def accepts(kind: str, values: Sequence[Any]) -> bool:
        table = typed.changed({column.name: replace(column, datatype=kind)})
        return trial(table, {**base, column.name: values}) is not None

    accepted = {kind for kind, values in TRIAL_VALUES.items() if accepts(kind, values)}
    if accepts("BYTES", TRIAL_VALUES[DATETIME]):
        accepted.add("BYTES")
    if "FP64" in accepted:
        accepted -= {kind for kind in NUMBERS if _same_as_fp64(kind, typed, [column], base, trial)}
    if accepted == {"BYTES", DATETIME}:
        return "BYTES"  # code that reads dates from text also accepts dates
    return next(iter(accepted)) if len(accepted) == 1 else None


def _same_as_fp64(kind: str, typed: Table, columns: Sequence[Column], base: Values, trial: Trial) -> bool:
    """Whether the model returns the same outputs for numbers of this kind in these columns as for FP64: code may check the type,
    and an array of booleans converts what is assigned to it to booleans."""
    values = {**base, **{column.name: TRIAL_VALUES[kind] for column in columns}}
    outputs, wider = (
        trial(typed.changed({column.name: replace(column, datatype=each) for column in columns}), values)
        for each in (kind, "FP64")
    )
    return outputs is None or (wider is not None and all(map(equal, outputs, wider)))


def _as(column: Column, datatype: str) -> Column:
    """The column as the operator declares it."""
    if datatype == column.datatype:
        return column
    known: Sequence[Any] = column.categories if {datatype, column.datatype} <= {"INT64", "FP64", "FP32"} else ()
    if datatype == "INT64":  # pandas holds integers as floats if some are missing
        known = [int(value) for value in known if value == int(value)]
    return Column(column.name, datatype, categories=tuple(known), missing=column.missing)


def _by_name(table: Table) -> Mapping[str, Column]:
    return {column.name: column for column in table.columns}
