"""Whole tensors by the name of their input, and columns by the name of their feature."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from modelyard.protocols.predict.row_formats import Table, read
from modelyard.protocols.predict.rows import check_rows
from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.bad_values import BadValues, refuse
from modelyard.protocols.values.row_layout import by_column, has_columns, row_shape
from modelyard.tensors import Array, Signature, Tensors, TensorSpec
from modelyard.text.quoting import described, escaped, quoted

POINTER = "/inputs"


class TensorReader:
    """Reads the `inputs` of one model."""

    def __init__(self, signature: Signature, *, max_rows: int) -> None:
        self._inputs = [_Input(spec, signature) for spec in signature.inputs]
        self._names = {*signature.fitted, *(name for each in self._inputs for name in (*each.columns, each.name))}
        self._rowwise = signature.rowwise
        self._max_rows = max_rows

    def read(self, value: Any) -> Tensors:
        """An object by name; for a model with one input also that input's tensor itself."""
        if type(value) is dict:
            tensors = self._quick(value) or self._walk(value)
        elif len(self._inputs) == 1:
            tensors = self._alone(value)
        else:
            names = ", ".join(quoted(each.name) for each in self._inputs)
            raise refuse(POINTER, f"expected an object with {names}, got {described(value)}")
        if self._rowwise:
            self._check_rows(tensors)
        return tensors

    def _quick(self, given: Mapping[str, Any]) -> Tensors | None:
        tensors: Tensors = {}
        for each in self._inputs:
            if each.name in given:
                array = each.quick(given[each.name])
                if array is None:
                    return None
                tensors[each.name] = array
            elif not each.optional:
                return None
        return tensors if len(tensors) == len(given) else None

    def _alone(self, value: Any) -> Tensors:
        [only] = self._inputs
        bad = BadValues()
        array = only.tensor(value, POINTER, bad)
        bad.raise_if_any()
        return {} if array is None else {only.name: array}

    def _walk(self, given: Mapping[str, Any]) -> Tensors:
        bad = BadValues()
        for name in given:
            if name not in self._names:
                bad.unknown(f"{POINTER}/{escaped(name)}", "input", name, sorted(self._names))
        read = [(each.name, each.walk(given, bad)) for each in self._inputs]
        bad.raise_if_any()
        return {name: array for name, array in read if array is not None}

    def _check_rows(self, tensors: Tensors) -> None:
        rows = {name: len(array) for name, array in tensors.items()}
        first = next(iter(rows), "")
        check_rows(rows.get(first, 0), self._max_rows, POINTER)
        if len(rows) > 1:
            bad = BadValues()
            like = f"expected as many rows as in {quoted(first)}, {rows[first]}"
            for name, count in rows.items():
                if count != rows[first]:
                    bad.add(f"{POINTER}/{escaped(name)}", f"{like}, got {count}")
            bad.raise_if_any()


class _Input:
    """One input, in either way of giving it: whole, or column by column."""

    def __init__(self, spec: TensorSpec, signature: Signature) -> None:
        self.name = spec.name
        self.columns = spec.columns if has_columns(spec) else ()
        self.optional = spec.optional
        self._is_column = spec.name in (*self.columns, *signature.fitted)
        """Whether a column has the input's name, too."""
        self._whole = ArrayReader(spec.datatype, (*spec.shape[:1], *row_shape(spec)), missing=spec.missing)
        self._column = ArrayReader(spec.datatype, spec.shape[:1], missing=spec.missing)
        self._layout = by_column(signature)
        self._fitted = len(signature.fitted)
        self._positions = self._layout.positions(signature.fitted) if len(signature.inputs) == 1 else ()
        self._narrow = len(spec.shape) == 2 and row_shape(spec) == (1,)
        """Whether it is one column, which may be given as a list of values."""
        self._flat = len(spec.shape) == 1
        """Whether it is a list of values, which may be given as one column."""
        self._listed = ArrayReader(spec.datatype, (*spec.shape[:1], 1), missing=spec.missing)

    def quick(self, value: Any) -> Array | None:
        """The array for a tensor, or None where `walk` must look."""
        array = self._whole.quick(value)
        if array is None and self._narrow:
            column = self._column.quick(value)
            return None if column is None else column.reshape(-1, 1)
        if array is None and self._flat:
            column = self._listed.quick(value)
            return None if column is None else column.reshape(-1)
        return array

    def walk(self, given: Mapping[str, Any], bad: BadValues) -> Array | None:
        """The array, or None where it is not given or something is bad."""
        pointer = f"{POINTER}/{escaped(self.name)}"
        columns = [name for name in self.columns if name in given and name != self.name]
        if self.name in given and not (columns and self._is_column):
            for name in columns:
                bad.add(f"{POINTER}/{escaped(name)}", f"{quoted(self.name)} gives this column already")
            return self.tensor(given[self.name], pointer, bad)
        if columns:
            return self._columnwise(given, bad)
        if not self.optional:
            bad.add(POINTER, f"missing input {quoted(self.name)}")
        return None

    def tensor(self, value: Any, pointer: str, bad: BadValues) -> Array | None:
        """The array for a tensor; None where something is bad. It may have all columns that the model was fitted with."""
        array = self.quick(value)
        if array is not None:
            return array
        if self._positions and _is_wide(value, self._fitted):
            ends = [f"/{place}" for place in range(self._fitted)]
            return read(Table(self._layout, value, partial(_row, pointer), self._positions, ends))[self.name]
        before = bad.count
        flat = self._narrow and type(value) is list and not any(type(item) is list for item in value)
        walk = (self._column if flat else self._whole).walk(bad)
        walk.add(value, pointer)
        if bad.count > before:
            return None
        return walk.array().reshape(-1, 1) if flat else walk.array()

    def _columnwise(self, given: Mapping[str, Any], bad: BadValues) -> Array | None:
        before = bad.count
        for name in self.columns:
            if name not in given:
                bad.add(POINTER, f"missing column {quoted(name)}")
        if bad.count > before:
            return None
        quick = [array for name in self.columns if (array := self._column.quick(given[name])) is not None]
        if len(quick) == len(self.columns) and len({len(array) for array in quick}) == 1:
            return np.stack(quick, axis=1)
        walk = self._column.walk(bad)
        for name in self.columns:
            walk.add(given[name], f"{POINTER}/{escaped(name)}")
        return None if bad.count > before else np.ascontiguousarray(walk.array((len(self.columns),)).T)


def _row(pointer: str, index: int) -> str:
    return f"{pointer}/{index}"


def _is_wide(value: Any, width: int) -> bool:
    return type(value) is list and bool(value) and type(value[0]) is list and len(value[0]) == width
