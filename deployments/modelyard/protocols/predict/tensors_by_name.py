"""Reads whole tensors by the names of their inputs, or columns by the names of their features."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from modelyard.protocols.predict.row_formats import ListRows, read_rows
from modelyard.protocols.predict.rows import check_row_limit
from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.bad_values import BadValues, invalid_value
from modelyard.protocols.values.row_layout import has_columns, layout_by_column, row_shape
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
        """Read an object of tensors by name. If the model has one input, its tensor may be sent without a name.

        Raises InvalidRequest with every bad value.
        """
        if type(value) is dict:
            tensors = self._parse_fast(value) or self._parse_checked(value)
        elif len(self._inputs) == 1:
            tensors = self._single_tensor(value)
        else:
            names = ", ".join(quoted(each.name) for each in self._inputs)
            raise invalid_value(POINTER, f"expected an object with {names}, got {described(value)}")
        if self._rowwise:
            self._check_rows(tensors)
        return tensors

    def _parse_fast(self, members: Mapping[str, Any]) -> Tensors | None:
        tensors: Tensors = {}
        for each in self._inputs:
            if each.name in members:
                array = each.parse_fast(members[each.name])
                if array is None:
                    return None
                tensors[each.name] = array
            elif not each.optional:
                return None
        return tensors if len(tensors) == len(members) else None

    def _single_tensor(self, value: Any) -> Tensors:
        [only] = self._inputs
        bad = BadValues()
        array = only.tensor(value, POINTER, bad)
        bad.raise_if_any()
        return {} if array is None else {only.name: array}

    def _parse_checked(self, members: Mapping[str, Any]) -> Tensors:
        bad = BadValues()
        for name in members:
            if name not in self._names:
                bad.add_unknown(f"{POINTER}/{escaped(name)}", "input", name, sorted(self._names))
        arrays = [(each.name, each.parse_checked(members, bad)) for each in self._inputs]
        bad.raise_if_any()
        return {name: array for name, array in arrays if array is not None}

    def _check_rows(self, tensors: Tensors) -> None:
        rows = {name: len(array) for name, array in tensors.items()}
        first = next(iter(rows), "")
        check_row_limit(rows.get(first, 0), self._max_rows, POINTER)
        if len(rows) > 1:
            bad = BadValues()
            expected = f"expected as many rows as in {quoted(first)}, {rows[first]}"
            for name, count in rows.items():
                if count != rows[first]:
                    bad.add(f"{POINTER}/{escaped(name)}", f"{expected}, got {count}")
            bad.raise_if_any()


class _Input:
    """One input, which a request holds whole or column by column."""

    def __init__(self, spec: TensorSpec, signature: Signature) -> None:
        self.name = spec.name
        self.columns = spec.columns if has_columns(spec) else ()
        self.optional = spec.optional
        self._is_column = spec.name in (*self.columns, *signature.fitted)
        """Whether a column has the input's name, too."""
        self._whole = ArrayReader(spec.datatype, (*spec.shape[:1], *row_shape(spec)), missing=spec.missing)
        self._column = ArrayReader(spec.datatype, spec.shape[:1], missing=spec.missing)
        self._layout = layout_by_column(signature)
        self._fitted = len(signature.fitted)
        self._positions = self._layout.positions(signature.fitted) if len(signature.inputs) == 1 else ()
        self._single_column = len(spec.shape) == 2 and row_shape(spec) == (1,)
        """Whether it is one column, which may be sent as a list of values."""
        self._flat = len(spec.shape) == 1
        """Whether it is a list of values, which may be sent as one column."""
        self._column_list = ArrayReader(spec.datatype, (*spec.shape[:1], 1), missing=spec.missing)

    def parse_fast(self, value: Any) -> Array | None:
        """The array of a tensor, or None if only the checked parser can tell whether it is valid."""
        array = self._whole.parse_fast(value)
        if array is None and self._single_column:
            column = self._column.parse_fast(value)
            return None if column is None else column.reshape(-1, 1)
        if array is None and self._flat:
            column = self._column_list.parse_fast(value)
            return None if column is None else column.reshape(-1)
        return array

    def parse_checked(self, members: Mapping[str, Any], bad: BadValues) -> Array | None:
        """The array, or None if the request does not hold it or a value is bad."""
        pointer = f"{POINTER}/{escaped(self.name)}"
        columns = [name for name in self.columns if name in members and name != self.name]
        if self.name in members and not (columns and self._is_column):
            for name in columns:
                bad.add(f"{POINTER}/{escaped(name)}", f"{quoted(self.name)} already includes this column")
            return self.tensor(members[self.name], pointer, bad)
        if columns:
            return self._from_columns(members, bad)
        if not self.optional:
            bad.add(POINTER, f"missing input {quoted(self.name)}")
        return None

    def tensor(self, value: Any, pointer: str, bad: BadValues) -> Array | None:
        """The array of a tensor, or None if a value is bad. The tensor may have all columns that the model was fitted with."""
        array = self.parse_fast(value)
        if array is not None:
            return array
        if self._positions and _has_width(value, self._fitted):
            suffixes = [f"/{index}" for index in range(self._fitted)]
            rows = ListRows(self._layout, value, partial(_row_pointer, pointer), self._positions, suffixes)
            return read_rows(rows)[self.name]
        bad_before = bad.count
        flat = self._single_column and type(value) is list and not any(type(item) is list for item in value)
        parser = (self._column if flat else self._whole).checked_parser(bad)
        parser.add(value, pointer)
        if bad.count > bad_before:
            return None
        return parser.array().reshape(-1, 1) if flat else parser.array()

    def _from_columns(self, members: Mapping[str, Any], bad: BadValues) -> Array | None:
        bad_before = bad.count
        for name in self.columns:
            if name not in members:
                bad.add(POINTER, f"missing column {quoted(name)}")
        if bad.count > bad_before:
            return None
        arrays = [array for name in self.columns if (array := self._column.parse_fast(members[name])) is not None]
        if len(arrays) == len(self.columns) and len({len(array) for array in arrays}) == 1:
            return np.stack(arrays, axis=1)
        parser = self._column.checked_parser(bad)
        for name in self.columns:
            parser.add(members[name], f"{POINTER}/{escaped(name)}")
        return None if bad.count > bad_before else np.ascontiguousarray(parser.array((len(self.columns),)).T)


def _row_pointer(pointer: str, index: int) -> str:
    return f"{pointer}/{index}"


def _has_width(value: Any, width: int) -> bool:
    return type(value) is list and bool(value) and type(value[0]) is list and len(value[0]) == width
