"""What a graph does with an example: its declarations leave ranks, lengths and rows open."""

from collections.abc import Sequence

import numpy as np
import onnxruntime

from deployments.runtimes.example import ROWS, example
from deployments.tensors import FREE, Tensors, TensorSpec

LENGTHS = (1, 8, 64)
"""Tried for free axes that are not the rows: a convolution wants more than its kernel, and a text is short at first."""


def trial(session: onnxruntime.InferenceSession, inputs: Sequence[TensorSpec]) -> tuple[Tensors, dict[str, object]]:
    """An example that the graph takes, and what it gives for it by output; {} where it takes none."""
    lengths = LENGTHS if any(FREE in spec.shape[1:] for spec in inputs) else LENGTHS[:1]
    for length in lengths:
        tried = example(inputs, length)
        if given := _run(session, tried):
            return tried, given
    return example(inputs), {}


def shares_rows(session: onnxruntime.InferenceSession, tried: Tensors, given: dict[str, object]) -> bool:
    """Whether the free first axes of all inputs and outputs are the same rows, as far as trials tell.

    They are not where an output came out with another length, as boxes found in images do. Nor are they where the graph calls
    them by different names and takes different lengths; a name alone says nothing, since some exporters make up one for each.
    """
    if any(isinstance(value, np.ndarray) and value.shape[:1] != (ROWS,) for value in given.values()):
        return False
    names = {arg.shape[0] for arg in session.get_inputs() if arg.shape}
    if len(names) < 2:
        return True
    return not _run(
        session, {name: np.concatenate([array] * times) for times, (name, array) in enumerate(tried.items(), 1)}
    )


def _run(session: onnxruntime.InferenceSession, inputs: Tensors) -> dict[str, object]:
    names = [arg.name for arg in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, inputs), strict=True))
    except Exception:  # noqa: BLE001 - a guess from the signature; a good model may refuse it
        return {}
