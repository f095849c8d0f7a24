"""An answer as a table, a column for each value of a row, and as CSV. Pure."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelyard.errors import NotAcceptable
from modelyard.protocols.predict.responses import ResponseWriter, native, score_columns_known, text
from modelyard.tensors import Array, Signature, Tensors

Columns = dict[str, Sequence[Any]]
"""By name, in their order; numpy's scalars, or Python's, all of one length."""


class TableWriter:
    """Writes the answers of one version."""

    def __init__(self, answers: ResponseWriter, signature: Signature) -> None:
        self._answers = answers
        self._signature = signature
        self._outputs = tuple(spec.name for spec in signature.outputs)

    def columns(self, outputs: Tensors, chosen: Sequence[str], *, probabilities: bool) -> Columns:
        """`prediction` first; an output of several values a row has a column for each. Raises NotAcceptable for deeper ones."""
        label, scores = self._signature.label, self._signature.scores
        columns: Columns = {}
        names = list(chosen or self._outputs)
        if (label or scores) and not chosen:
            labels, confidences = self._answers.labelled(outputs)
            columns |= _label_columns(labels)
            if confidences is not None:
                columns["confidence"] = confidences
            names = [name for name in names if name not in (label, scores)]
        elif len(names) == 1:
            [only] = names
            columns |= _columns("prediction", outputs[only], only)
            names = []
        for name in names:
            columns |= _columns(name, outputs[name], name)
        if probabilities:
            table = native(outputs[scores])
            if score_columns_known(self._signature):
                for index, each in enumerate(self._signature.classes or range(table.shape[1])):
                    columns[f"probability_{each}"] = list(table[:, index])
            else:
                columns |= _columns(scores, table, scores)
        return columns

    def array(self, outputs: Tensors, chosen: Sequence[str], *, by_row: bool, probabilities: bool) -> Array:
        """The one array of an answer: probabilities where they are asked for, labels, or the only output that there is.

        Raises NotAcceptable where there are several.
        """
        label, scores = self._signature.label, self._signature.scores
        if probabilities:
            return outputs[scores]
        if by_row and (label or scores) and not chosen:
            labels, _ = self._answers.labelled(outputs)
            return _array(labels)
        if len(outputs) > 1:
            raise NotAcceptable(
                'the answer has several outputs, and an array is one; ask for JSON, or name one in "outputs"'
            )
        [array] = outputs.values()
        return array

    def csv(self, columns: Columns) -> bytes:
        """With a header. What is missing or not finite is an empty cell."""
        file = _Lines(newline="")
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*([_cell(value) for value in column] for column in columns.values()), strict=True))
        return file.getvalue().encode()


def _label_columns(labels: list[Any]) -> Columns:
    """The labels of each row, which may be several."""
    if type(labels[0]) is not list:
        return {"prediction": labels}
    return {f"prediction_{index}": list(own) for index, own in enumerate(zip(*labels, strict=True))}


def _array(labels: list[Any]) -> Array:
    """Labels as an array; of dtype object unless all are numbers of one type."""
    array = np.array(labels, np.object_)
    kinds = set(map(type, array.ravel().tolist()))
    return array if len(kinds) > 1 or kinds <= {str, bytes} else np.array(labels)


def _columns(name: str, array: Array, output: str) -> Columns:
    """An output's columns, whose names begin with `name`."""
    array = array if array.dtype.kind in "OSU" else native(array)
    if array.ndim == 1 or array.shape[1:] == (1,):
        return {name: list(array.reshape(-1))}
    if array.ndim == 2:
        return {f"{name}_{index}": list(array[:, index]) for index in range(array.shape[1])}
    raise NotAcceptable(f"output {output!r} does not fit into a table; ask for JSON")


class _Lines(io.StringIO):
    """Lines that end in LF. Were the writer to end them so, it would not quote a CR within a text, at which readers end a row."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> str:
    """As JSON writes it, without quotes; numbers with the digits of their own precision, FP16 with those of FP32."""
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, bytes):
        shown = text(value)
        return shown if isinstance(shown, str) else str(shown["b64"])
    return str(np.float32(value)) if isinstance(value, np.float16) else str(value)
