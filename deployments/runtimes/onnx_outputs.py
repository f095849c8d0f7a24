"""Outputs of a graph that are not tensors, as tensors.

A ZipMap (scikit-learn's converters put one behind a classifier) gives a map from class to score for each row: it becomes one
row of scores, in the order of the classes. Any other sequence or map becomes one JSON text.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from deployments.tensors import DTYPES, Array

Convert = Callable[[Any], Array]


def scores_from_maps(classes: Sequence[Any], datatype: str) -> Convert:
    """Shape [rows, classes]."""
    order = list(classes)
    dtype = DTYPES[datatype]

    def convert(maps: list[dict[Any, float]]) -> Array:
        return np.array([[row[name] for name in order] for row in maps], dtype).reshape(len(maps), len(order))

    return convert


def json_text(value: Any) -> Array:
    """The whole value as one JSON text, a scalar of BYTES: rows cannot be told apart in it."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    text = np.empty((), object)
    text[()] = orjson.dumps(value, option=options, default=str).decode()
    return text
