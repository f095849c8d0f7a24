"""The range of numbers in each column at the fit, as far as the fitted estimator stores it."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.tree._tree import Tree

from modelyard.runtimes.sklearn.parts import flat
from modelyard.runtimes.sklearn.table.readers import Reader
from modelyard.tensors import Array

Range = tuple[float, float]
"""A low and a high number, different and finite."""

CENTRE_AND_WIDTH = (("mean_", "scale_"), ("center_", "scale_"))
LOW_AND_HIGH = (("data_min_", "data_max_"), ("X_min_", "X_max_"))
BY_COLUMN = ("statistics_", "mean_", "max_abs_")
"""One number per column."""
ROWS = (
    *(
        "cluster_centers_",
        "subcluster_centers_",
        "_fit_X",
        "theta_",
        "means_",
        "support_vectors_",
        "X_train_",
        "quantiles_",
    ),
    "centroids_",
)
"""One row of numbers per cluster, class or stored row."""
ROWS_BY_CLASS = {Nystroem: "components_"}
"""The same for classes with an attribute whose name means something else in other classes."""
EDGES = ("bin_edges_",)
"""Several numbers for each column, in a list."""
LEAF = -1


def ranges_of(readers: Sequence[Reader], count: int) -> list[Range | None]:
    """The range of each column, from its readers; None if no reader stores any number."""
    seen: list[list[float]] = [[] for _ in range(count)]
    for reader in readers:
        width = len(reader.indices)
        for position, values in _values_of(reader.part, width):
            if position < width and reader.indices[position] < count:
                seen[reader.indices[position]].extend(values)
    return [_range(values) for values in seen]


def _range(values: Sequence[float]) -> Range | None:
    finite = [float(value) for value in values if np.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    return (low, high) if low < high else (low, low + max(1.0, abs(low)))


def _values_of(part: Any, width: int) -> Iterator[tuple[int, list[float]]]:
    for names in (*CENTRE_AND_WIDTH, *LOW_AND_HIGH):
        first, second = (_numbers(part, name, (width,)) for name in names)
        if first is not None and second is not None:
            pair = (first, second) if names in LOW_AND_HIGH else (first - second, first + second)
            yield from enumerate(zip(*(values.tolist() for values in pair), strict=True))
    for name in BY_COLUMN:
        if (values := _numbers(part, name, (width,))) is not None:
            yield from enumerate([[value] for value in values.tolist()])
    for name in (*ROWS, ROWS_BY_CLASS.get(type(part), "")):
        rows = getattr(part, name, None)
        if (
            isinstance(rows, np.ndarray)
            and rows.ndim == 2
            and rows.shape[1] == width
            and len(rows)
            and rows.dtype.kind == "f"
        ):
            lows, highs = np.fmin.reduce(rows), np.fmax.reduce(rows)  # without missing values
            yield from enumerate(zip(lows.tolist(), highs.tolist(), strict=True))
    for name in EDGES:
        edges = getattr(part, name, None)
        if edges is not None and len(edges) == width:
            yield from ((index, [float(each[0]), float(each[-1])]) for index, each in enumerate(edges))
    splines = getattr(part, "bsplines_", ())
    if len(splines) == width:
        inner = (spline.t[spline.k : len(spline.t) - spline.k] for spline in splines)  # without the padding
        yield from ((index, knots.tolist()) for index, knots in enumerate(inner))
    for feature, threshold in _splits(part):
        yield feature, [threshold]


def _numbers(part: Any, name: str, shape: tuple[int, ...]) -> Array | None:
    found = np.asarray(getattr(part, name, ()))
    return found if found.shape == shape and found.dtype.kind == "f" else None


def _splits(part: Any) -> Iterator[tuple[int, float]]:
    """The thresholds of decision trees. At most 16 trees are read, which is enough for a range."""
    if isinstance(tree := vars(part).get("tree_") if hasattr(part, "__dict__") else None, Tree):
        inner = tree.children_left != LEAF
        yield from zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist(), strict=True)
    elif (trees := getattr(part, "estimators_", None)) is not None:
        for member in flat(trees)[:16]:
            yield from _splits(member)
    elif (predictors := getattr(part, "_predictors", None)) is not None:
        for predictor in list(chain.from_iterable(predictors))[:16]:
            inner = predictor.nodes[(predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] == 0)]
            yield from zip(inner["feature_idx"].tolist(), inner["num_threshold"].tolist(), strict=True)
