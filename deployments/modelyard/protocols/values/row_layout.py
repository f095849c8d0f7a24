"""The layout of one row of a request: the features that a signature's inputs consist of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from modelyard.protocols.values.arrays import ArrayReader
from modelyard.tensors import DTYPES, FREE, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Feature:
    """One named value of a row: a column of an input, or a whole input."""

    name: str
    shape: tuple[int, ...]
    """() for a scalar."""
    input: str
    """The input that it belongs to."""
    datatype: str
    optional: bool
    missing: bool
    """Whether null is a missing value. A row that is an object may then leave the feature out."""


@dataclass(frozen=True, slots=True)
class InputFeatures:
    """The features of one input, and the readers that turn their values into its array."""

    name: str
    feature_count: int
    all_rows: ArrayReader
    """Reads all rows of the input, each nested as the input's shape."""
    column: ArrayReader
    """Reads one feature of all rows."""
    value: ArrayReader
    """Reads one feature of one row."""
    row_axes: tuple[int, ...]
    """The axes between the rows and those of a feature: (n,) if n scalar features make up a row of the input."""


class RowLayout:
    """The features of a row, input by input in the signature's order. A row that is a list has this order."""

    def __init__(
        self,
        features: tuple[Feature, ...],
        inputs: tuple[InputFeatures, ...],
        ignored: frozenset[str] = frozenset(),
        omitted: frozenset[str] = frozenset(),
    ) -> None:
        self.features = features
        self.inputs = inputs
        self.ignored = ignored
        """Columns that the model was fitted with but does not read. They are accepted with any values."""
        self.omitted = omitted
        """Names of optional features that this layout leaves out."""
        self.names = frozenset(feature.name for feature in features)
        self.values_of = itemgetter(*(feature.name for feature in features))
        """An object's values in the order of the features: a tuple, or the value itself if there is one feature."""
        self.required = frozenset(feature.name for feature in features if not feature.missing)
        """Names that each row that is an object must have."""
        self._optional = any(feature.optional for feature in features)

    @property
    def all_scalar(self) -> bool:
        """Whether every feature is a scalar, as in a table."""
        return all(feature.shape == () for feature in self.features)

    @property
    def unnamed(self) -> bool:
        """Whether a row is one list of values without names."""
        return len(self.features) == 1 and len(self.features[0].shape) == 1

    def present(self, names: Iterable[str]) -> "RowLayout":
        """The layout without the optional inputs that none of these names belongs to."""
        if not self._optional:
            return self
        sent = set(names)
        present = {feature.input for feature in self.features if not feature.optional or feature.name in sent}
        features = tuple(feature for feature in self.features if feature.input in present)
        if not features:
            return self
        omitted = frozenset(feature.name for feature in self.features if feature.input not in present)
        inputs = tuple(each for each in self.inputs if each.name in present)
        return RowLayout(features, inputs, self.ignored, omitted)

    def positions(self, fitted: Sequence[str]) -> tuple[int, ...]:
        """The index of each feature in a row of all columns that the model was fitted with; () if no such row is possible."""
        if len(fitted) <= len(self.features) or not self.all_scalar or not self.names.issubset(fitted):
            return ()
        return tuple(fitted.index(feature.name) for feature in self.features)


def layout_by_column(signature: Signature) -> RowLayout:
    """A feature for each column of the inputs that name their columns, and one for each other input.

    If two features would have the same name, this is the same as `layout_by_input`.
    """
    layout = _layout(signature, expand=True)
    return layout if len(layout.names) == len(layout.features) else layout_by_input(signature)


def layout_by_input(signature: Signature) -> RowLayout:
    """A feature for each whole input."""
    return _layout(signature, expand=False)


def has_columns(spec: TensorSpec) -> bool:
    """Whether each row of this input is a list of named values."""
    return len(spec.shape) == 2 and bool(spec.columns) and spec.shape[1] in (FREE, len(spec.columns))


def row_shape(spec: TensorSpec) -> tuple[int, ...]:
    """The shape of one row of this input."""
    return (len(spec.columns),) if has_columns(spec) else spec.shape[1:]


def accepts_missing(spec: TensorSpec) -> bool:
    """Whether null becomes None in this input. In an input of floats, null becomes NaN instead."""
    return spec.missing and DTYPES[spec.datatype].kind != "f"


def row_count(signature: Signature) -> int | None:
    """How many rows a request has: FREE for any number, None if the inputs do not share a first axis."""
    lengths = {spec.shape[:1] for spec in signature.inputs}
    if len(lengths) != 1 or lengths == {()}:
        return None
    [(length,)] = lengths
    return None if length == FREE and not signature.rowwise else length


def _layout(signature: Signature, *, expand: bool) -> RowLayout:
    features: list[Feature] = []
    inputs: list[InputFeatures] = []
    for spec in signature.inputs:
        row = row_shape(spec)
        columns = spec.columns if expand and has_columns(spec) else ()
        scalar = bool(columns) or row == (1,)
        names, shape = columns or (spec.name,), () if scalar else row
        missing = accepts_missing(spec)
        features += [Feature(name, shape, spec.name, spec.datatype, spec.optional, missing) for name in names]
        inputs.append(
            InputFeatures(
                name=spec.name,
                feature_count=len(names),
                all_rows=ArrayReader(spec.datatype, (FREE, *row), missing=missing),
                column=ArrayReader(spec.datatype, (FREE, *shape), missing=missing),
                value=ArrayReader(spec.datatype, shape, missing=missing),
                row_axes=row if scalar else (),
            )
        )
    known = {feature.name for feature in features}
    if not expand:
        known.update(name for spec in signature.inputs for name in spec.columns)
    return RowLayout(tuple(features), tuple(inputs), frozenset(signature.fitted) - known)
