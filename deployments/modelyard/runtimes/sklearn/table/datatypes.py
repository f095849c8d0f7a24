"""The datatypes of columns that only code reads which is not scikit-learn's own.

They come from the operator: from `inputs` in the YAML, or from example.json. Where neither says it, the model is tried: a datatype
is believed only if the model refuses all others, since code that takes numbers and texts alike gives an answer to either.
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
from modelyard.runtimes.sklearn.table.synthetic_rows import PLAIN, Values
from modelyard.runtimes.sklearn.table.table import DATETIME, NOT_MISSING, UNKNOWN, Column, Table
from modelyard.runtimes.sklearn.table.trial_runs import Fitted
from modelyard.runtimes.sklearn.table.unused_columns import settled
from modelyard.tensors import Array

Trial = Callable[[Table, Values], Sequence[Array] | None]
"""The model's outputs for these values in a table of these columns; None where it does not take them."""

TRIED: Mapping[str, tuple[Any, Any]] = {
    "FP64": PLAIN,
    "BYTES": ("a", "b"),
    DATETIME: ("2024-02-29", "1999-12-31"),
    "INT64": (1, 2),
    "BOOL": (True, False),
}
"""Values of each datatype that a column may turn out to have."""
NUMBERS = {"INT64": TRIED["INT64"], "BOOL": TRIED["BOOL"]}
"""Those of them that are numbers too."""
MOST_TRIALS = 64
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
ADVICE = (
    "say in `inputs` in the model's YAML which datatype requests hold ({name: ..., datatype: ...}; DATETIME is ISO 8601 "
    "text), or put a request that works into example.json beside the model"
)


def declared(table: Table, inputs: Sequence[InputType]) -> Table:
    """With the datatypes of the YAML. Raises LoadError for inputs that the model does not have."""
    by_name = {each.name: each.datatype for each in inputs}
    if unknown := sorted(by_name.keys() - set(table.names)):
        raise LoadError(
            f"the YAML's `inputs` name {unknown[0]!r}, and the model was fitted with {', '.join(table.names)}"
        )
    return table.changed(
        {name: _as(column, by_name[name]) for name, column in _by_name(table).items() if name in by_name}
    )


def from_example(table: Table, example: Values, trial: Trial) -> Table:
    """With the datatypes of the operator's example, if the model takes it so.

    Whole numbers in it may stand for any numbers, unless the model gives something else for 1.0 than for 1.
    """
    if any(column.name not in example for column in table.read):
        return table
    values = {column.name: example[column.name] for column in table.read}
    choices = [_kinds(column, values[column.name]) for column in table.read]
    for kinds in islice(product(*choices), MOST_TRIALS):
        typed = [_from_values(*each, values) for each in zip(table.read, kinds, strict=True)]
        candidate = table.changed({column.name: column for column in typed})
        if (given := trial(candidate, values)) is not None:
            return _widened(table, candidate, values, given, trial)
    return table


def _widened(table: Table, typed: Table, values: Values, expected: Sequence[Array], trial: Trial) -> Table:
    """With FP64 for the whole numbers of each column that had no datatype, if the model gives the same for them."""
    unknown = {column.name for column in table.read if column.datatype == UNKNOWN}
    for column in typed.read:
        if column.name in unknown and column.datatype == "INT64":
            wider = typed.changed({column.name: replace(column, datatype="FP64")})
            given = trial(wider, values)
            if given is not None and all(map(equal, expected, given)):
                typed = wider
    return typed


def by_trial(table: Table, base: Values, fitted: Fitted) -> Table:
    """With a datatype for every column. Raises LoadError where one cannot be known. `base` has values for each known column."""
    unknown = [column for column in table.read if column.datatype == UNKNOWN]
    if not unknown:
        return table
    tried = (_typed(table, unknown, kinds, base) for kinds in _assignments(len(unknown)))
    found = next(((typed, values) for typed, values in tried if fitted.trial(typed, values) is not None), None)
    if found is None:
        names = ", ".join(repr(column.name) for column in unknown)
        raise LoadError(f"nothing says what the model takes for {names}: {ADVICE}")
    typed, values = found
    table = settled(table, fitted.estimator, fitted.rows(typed, values), fitted.predict)
    if not table.read:  # the number of rows is all that matters
        return table.changed({column.name: replace(column, datatype="FP64") for column in unknown})
    chosen = {
        column.name: _only_kind(typed, column, values, fitted.trial)
        for column in table.read
        if column.datatype == UNKNOWN
    }
    numbers = [column for column in table.read if chosen.get(column.name) == "FP64"]
    if not all(_mean_the_same(kind, typed, numbers, values, fitted.trial) for kind in NUMBERS):
        chosen |= {column.name: None for column in numbers}
    if alike := [name for name, kind in chosen.items() if kind is None]:
        raise LoadError(f"the model takes several datatypes for {', '.join(map(repr, alike))}: {ADVICE}")
    return table.changed({name: replace(_by_name(table)[name], datatype=kind or "") for name, kind in chosen.items()})


def _kinds(column: Column, values: Sequence[Any]) -> list[str]:
    """The datatypes that a column with these values may have, the likeliest first."""
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
    lost = any(map(is_missing, example[column.name]))
    missing = float("nan") if lost and column.missing is NOT_MISSING else column.missing
    return replace(column, datatype=kind, missing=missing)


def _assignments(count: int) -> Iterator[tuple[str, ...]]:
    """Datatypes for so many columns: all alike first, then numbers and texts in turn."""
    yield from ((kind,) * count for kind in TRIED)
    yield from islice((kinds for kinds in product(TRIED, repeat=count) if len(set(kinds)) > 1), MOST_TRIALS)


def _typed(table: Table, unknown: Sequence[Column], kinds: Sequence[str], base: Values) -> tuple[Table, Values]:
    """The table with these datatypes for its unknown columns, and values to go with it."""
    changed = {column.name: replace(column, datatype=kind) for column, kind in zip(unknown, kinds, strict=True)}
    values = {**base, **{column.name: TRIED[kind] for column, kind in zip(unknown, kinds, strict=True)}}
    return table.changed(changed), values


def _only_kind(typed: Table, column: Column, base: Values, trial: Trial) -> str | None:
    """The one datatype that the model takes in this column while the others are as they were found to work."""

    def takes(kind: str, values: Sequence[Any]) -> bool:
        table = typed.changed({column.name: replace(column, datatype=kind)})
        return trial(table, {**base, column.name: values}) is not None

    taken = {kind for kind, values in TRIED.items() if takes(kind, values)}
    if takes("BYTES", TRIED[DATETIME]):
        taken.add("BYTES")
    if "FP64" in taken:
        taken -= {kind for kind in NUMBERS if _mean_the_same(kind, typed, [column], base, trial)}
    if taken == {"BYTES", DATETIME}:
        return "BYTES"  # code that reads dates from text takes dates as well
    return next(iter(taken)) if len(taken) == 1 else None


def _mean_the_same(kind: str, typed: Table, columns: Sequence[Column], base: Values, trial: Trial) -> bool:
    """Whether the model gives the same for numbers of this kind in these columns as for them as FP64: code may ask for their type,
    and an array of nothing but flags keeps what it is given as flags."""
    values = {**base, **{column.name: TRIED[kind] for column in columns}}
    given, wider = (
        trial(typed.changed({column.name: replace(column, datatype=each) for column in columns}), values)
        for each in (kind, "FP64")
    )
    return given is None or (wider is not None and all(map(equal, given, wider)))


def _as(column: Column, datatype: str) -> Column:
    """The column as the operator declares it."""
    if datatype == column.datatype:
        return column
    known: Sequence[Any] = column.categories if {datatype, column.datatype} <= {"INT64", "FP64", "FP32"} else ()
    if datatype == "INT64":  # pandas holds whole numbers as floats where some are missing
        known = [int(value) for value in known if value == int(value)]
    return Column(column.name, datatype, categories=tuple(known), missing=column.missing)


def _by_name(table: Table) -> Mapping[str, Column]:
    return {column.name: column for column in table.columns}
