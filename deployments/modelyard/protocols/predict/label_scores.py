"""The score that each row of a classifier's output has for the row's label."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from modelyard.tensors import Array

MAX_ROWS_ONE_BY_ONE = 8
"""So few scores are selected sooner one by one than by numpy."""


def label_scores(labels: Sequence[Any], column_of: Mapping[Any, int] | None, scores: Array) -> Array | list[Any]:
    """Each row's score of its label, in the precision of `scores`; None for a label that has no column.

    `column_of` has the column of each label; None if labels are columns.
    """
    width = scores.shape[1]
    columns: Iterable[int] = labels if column_of is None else map(column_of.get, labels, repeat(width))
    if len(labels) > MAX_ROWS_ONE_BY_ONE:
        indices = np.fromiter(columns, np.intp, len(labels))
        if indices.max() < width:
            selected = scores[np.arange(len(labels)), indices]
            return np.asarray(selected, scores.dtype.newbyteorder("="))  # as its scalars are
        columns = indices.tolist()
    return [scores[row, column] if column < width else None for row, column in enumerate(columns)]
