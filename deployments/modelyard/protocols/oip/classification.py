"""The classification extension: the indices of an output's largest values, in place of the output.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

from collections.abc import Sequence

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.tensors import Array, Scalar, Signature


def classify(name: str, array: Array, count: int, signature: Signature) -> Array:
    """BYTES of shape [rows, n] (or [n] if the model does not support rows); n is `count`, or the number of values if smaller.

    Each element is "value:index", or "value:index:label" if the signature names the classes of this output, largest value first.
    Raises InvalidRequest if the output `name` does not hold numbers.
    """
    if array.dtype.kind not in "fiu":
        raise InvalidRequest(f"output {name!r} does not hold numbers and cannot be classified")
    rowwise = signature.rowwise and array.ndim > 0
    table = array.reshape(len(array) if rowwise else 1, -1) if array.size else np.empty((0, 0), array.dtype)
    # The complement of an integer falls as the integer rises, and stays within its dtype.
    order = -table.astype(np.float64) if table.dtype.kind == "f" else ~table
    best = np.argsort(order, axis=1, kind="stable")[:, :count]
    labels = signature.classes if name == signature.scores else ()
    shown = np.empty(best.shape, object)
    for row, indices in enumerate(best.tolist()):
        shown[row] = [_shown(table[row, index], index, labels) for index in indices]
    return shown if rowwise else shown.reshape(-1)


def _shown(value: np.generic, index: int, labels: Sequence[Scalar]) -> str:
    """The number as in C++, with six decimal places for a float, and its index and label."""
    number = f"{value:f}" if isinstance(value, np.floating) else str(value)
    return f"{number}:{index}:{labels[index]}" if index < len(labels) else f"{number}:{index}"
