"""The classification extension: instead of an output, the places of its largest values. Pure.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

from collections.abc import Sequence

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.tensors import Array, Scalar, Signature


def classified(name: str, array: Array, most: int, signature: Signature) -> Array:
    """BYTES of shape [rows, n] (or [n], where the model takes no rows), n being `most` or how many values there are.

    Each is "value:index", or "value:index:label" where the signature names the classes of this output; the largest comes first.
    Raises InvalidRequest where the output `name` holds no numbers.
    """
    if array.dtype.kind not in "fiu":
        raise InvalidRequest(f"output {name!r} holds no numbers to classify by")
    rowwise = signature.rowwise and array.ndim > 0
    table = array.reshape(len(array) if rowwise else 1, -1) if array.size else np.empty((0, 0), array.dtype)
    # The complement of an integer falls as the integer rises, and never leaves its dtype.
    order = -table.astype(np.float64) if table.dtype.kind == "f" else ~table
    best = np.argsort(order, axis=1, kind="stable")[:, :most]
    labels = signature.classes if name == signature.scores else ()
    shown = np.empty(best.shape, object)
    for row, places in enumerate(best.tolist()):
        shown[row] = [_shown(table[row, place], place, labels) for place in places]
    return shown if rowwise else shown.reshape(-1)


def _shown(value: np.generic, place: int, labels: Sequence[Scalar]) -> str:
    """As C++ writes a number: six digits behind the point of a float."""
    number = f"{value:f}" if isinstance(value, np.floating) else str(value)
    return f"{number}:{place}:{labels[place]}" if place < len(labels) else f"{number}:{place}"
