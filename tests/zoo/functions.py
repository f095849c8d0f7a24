"""Functions that models contain, like those of an operator's installed package."""

from typing import Any

import numpy as np


def first_doubled(table: Any) -> Any:
    """The same array or frame with its first column doubled."""
    changed = table.copy()
    if hasattr(changed, "iloc"):
        changed[changed.columns[0]] = changed.iloc[:, 0] * 2
    else:
        changed[:, 0] = changed[:, 0] * 2
    return changed


def with_sum(table: Any) -> Any:
    """An array with one column more: the sum of the others."""
    array = np.asarray(table, dtype=float)
    return np.column_stack([array, np.nansum(array, axis=1)])


def without_first(table: Any) -> Any:
    """All columns but the first."""
    return table.iloc[:, 1:] if hasattr(table, "iloc") else table[:, 1:]


def centred(table: Any) -> Any:
    """Each value minus the mean of its column in this call: the rows of such a model are not independent."""
    array = np.asarray(table, dtype=float)
    return array - np.nanmean(array, axis=0)


def lowered(texts: Any) -> Any:
    """Texts in lower case."""
    return np.array([str(text).lower() for text in np.ravel(np.asarray(texts, dtype=object))], dtype=object)
