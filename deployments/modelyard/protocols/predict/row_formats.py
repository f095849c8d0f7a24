"""The formats in which rows arrive, each parsed in one of two ways.

`parse_fast` builds the tensors at once, or returns None if a value, a row or a name may be invalid. `checked_values` then goes
through the same rows value by value, so that `read_checked` can report every bad value.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from modelyard.protocols.values.arrays import value_count
from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.row_layout import Feature, InputFeatures, RowLayout
from modelyard.tensors import Array, Tensors
from modelyard.text.quoting import described, escaped, quoted

RowPointer = Callable[[int], str]
"""From the index of a row to its JSON pointer."""
LocatedValue = tuple[Feature, Any, str]
"""A feature, its value, and the pointer to the value."""


class RowFormat(Protocol):
    """Rows in one format."""

    layout: RowLayout
    rows: Sequence[Any]

    def parse_fast(self) -> Tensors | None: ...

    def checked_values(self, bad: BadValues) -> Iterator[LocatedValue]:
        """Every value of a feature. Missing features and invalid rows are added to the bad values."""
        ...


def read_rows(rows: RowFormat) -> Tensors:
    """The tensors of these rows. Raises InvalidRequest with every bad value."""
    tensors = rows.parse_fast()
    return read_checked(rows) if tensors is None else tensors


def read_checked(rows: RowFormat) -> Tensors:
    """The same, value by value."""
    bad = BadValues()
    parsers = {each.name: (each, each.value.checked_parser(bad)) for each in rows.layout.inputs}
    for feature, value, pointer in rows.checked_values(bad):
        group, parser = parsers[feature.input]
        if feature.shape == () and group.feature_count == 1 and type(value) is list and len(value) == 1:
            parser.add(value[0], f"{pointer}/0")  # a scalar may be sent as a list of one value
        else:
            parser.add(value, pointer)
    bad.raise_if_any()
    return {name: parser.array((len(rows.rows), *group.row_axes)) for name, (group, parser) in parsers.items()}


@dataclass(slots=True)
class ListRows:
    """Rows that are lists. Their order may differ from that of the features, and they may hold values that are ignored."""

    layout: RowLayout
    rows: Sequence[Any]
    pointer: RowPointer
    order: Sequence[int]
    """The index of each feature in a row."""
    suffixes: Sequence[str]
    """For each index in a row, the end of the pointer to that value."""

    def parse_fast(self) -> Tensors | None:
        if set(map(type, self.rows)) != {list} or set(map(len, self.rows)) != {len(self.suffixes)}:
            return None
        order = self.order
        if len(order) == len(self.suffixes):
            if order == sorted(order):
                return _assemble(self.layout, self.rows)
            if len(self.layout.inputs) == 1:
                return self._parse_reordered()
        if len(order) == 1:
            return _assemble(self.layout, [(row[order[0]],) for row in self.rows])
        return _assemble(self.layout, list(map(itemgetter(*order), self.rows)))

    def _parse_reordered(self) -> Tensors | None:
        """Parse rows of one input in the order in which they arrive, and reorder the columns of the array."""
        [group] = self.layout.inputs
        array = group.all_rows.parse_fast(self.rows)
        return None if array is None else {group.name: array.take(self.order, axis=1)}

    def checked_values(self, bad: BadValues) -> Iterator[LocatedValue]:
        width = value_count(len(self.suffixes))
        for number, row in enumerate(self.rows):
            pointer = self.pointer(number)
            if type(row) is not list:
                bad.add(pointer, f"expected a list of {width}, got {described(row)}")
                continue
            if len(row) != len(self.suffixes):
                bad.add(pointer, f"expected {width}, got {len(row)}")
            for feature, index in zip(self.layout.features, self.order, strict=True):
                if index < len(row):
                    yield feature, row[index], pointer + self.suffixes[index]


@dataclass(slots=True)
class SingleInputRows:
    """Rows of a layout with one feature: each row is its value, a scalar or nested as the input's shape."""

    layout: RowLayout
    rows: Sequence[Any]
    pointer: RowPointer

    def parse_fast(self) -> Tensors | None:
        [group] = self.layout.inputs
        array = _column(group, self.rows)
        return None if array is None else {group.name: array}

    def checked_values(self, bad: BadValues) -> Iterator[LocatedValue]:
        [feature] = self.layout.features
        for number, row in enumerate(self.rows):
            yield feature, row, self.pointer(number)


@dataclass(slots=True)
class ObjectRows:
    """Rows that are objects with a member for each feature. Missing values may be left out; further members may be ignored."""

    layout: RowLayout
    rows: Sequence[Any]
    pointer: RowPointer

    def parse_fast(self) -> Tensors | None:
        width = len(self.layout.features)
        if set(map(type, self.rows)) != {dict}:
            return None
        if set(map(len, self.rows)) != {width}:
            return self._parse_other_members()
        try:
            values = list(map(self.layout.values_of, self.rows))
        except KeyError:
            return self._parse_other_members()
        return _assemble(self.layout, values if width > 1 else [(value,) for value in values])

    def _parse_other_members(self) -> Tensors | None:
        """Parse rows that leave out missing values or have members that are ignored."""
        layout = self.layout
        known = layout.names | layout.ignored
        if not all(layout.required <= row.keys() <= known for row in self.rows):
            return None
        names = [feature.name for feature in layout.features]
        return _assemble(layout, [[row.get(name) for name in names] for row in self.rows])

    def checked_values(self, bad: BadValues) -> Iterator[LocatedValue]:
        suffixes = {feature.name: f"/{escaped(feature.name)}" for feature in self.layout.features}
        for number, row in enumerate(self.rows):
            pointer = self.pointer(number)
            if type(row) is not dict:
                bad.add(pointer, f"expected an object, got {described(row)}")
                continue
            for name in row:
                if name in self.layout.omitted:
                    bad.add(f"{pointer}/{escaped(name)}", f"{quoted(name)} must be in every row or in none")
                elif name not in suffixes and name not in self.layout.ignored:
                    unused = (each for each in (*suffixes, *sorted(self.layout.ignored)) if each not in row)
                    bad.add_unknown(f"{pointer}/{escaped(name)}", "name", name, unused)
            for feature in self.layout.features:
                if feature.name in row or feature.missing:
                    yield feature, row.get(feature.name), pointer + suffixes[feature.name]
                else:
                    bad.add(pointer, f"missing {quoted(feature.name)}")


def _assemble(layout: RowLayout, rows: Sequence[Sequence[Any]]) -> Tensors | None:
    """Tensors from rows with a value for every feature, in the order of the features."""
    if len(layout.inputs) == 1 and len(layout.features) > 1:
        [group] = layout.inputs
        array = group.all_rows.parse_fast(rows)
        return None if array is None else {group.name: array}
    columns = list(zip(*rows, strict=True))
    tensors: Tensors = {}
    start = 0
    for group in layout.inputs:
        count = group.feature_count
        values = columns[start : start + count]
        start += count
        array = _column(group, values[0]) if count == 1 else group.all_rows.parse_fast(list(zip(*values, strict=True)))
        if array is None:
            return None
        tensors[group.name] = array
    return tensors


def _column(group: InputFeatures, values: Sequence[Any]) -> Array | None:
    """The array of an input that has one feature."""
    array = group.column.parse_fast(values)
    if array is None:
        return group.all_rows.parse_fast(values) if group.row_axes else None
    return array.reshape(-1, *group.row_axes) if group.row_axes else array
