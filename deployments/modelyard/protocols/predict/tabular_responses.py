"""Writes a response as a table with a column for each value of a row, or as CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelyard.errors import NotAcceptable
from modelyard.protocols.predict.responses import ResponseWriter, json_text, score_columns_known
from modelyard.tensors import Array, Signature, Tensors

Columns = dict[str, Sequence[Any]]
"""Columns by name, in order: numpy or Python scalars, all of the same length."""


class TableWriter:
    """Writes the responses of one version."""

    def __init__(self, responses: ResponseWriter, signature: Signature) -> None:
        self._responses = responses
        self._signature = signature
        self._outputs = tuple(spec.name for spec in signature.outputs)

    def columns(self, outputs: Tensors, requested: Sequence[str], *, probabilities: bool) -> Columns:
        """The columns, `prediction` first. An output with several values per row has a column for each.

        Raises NotAcceptable for an output with more axes.
        """
        label, scores = self._signature.label, self._signature.scores
        columns: Columns = {}
        names = list(requested or self._outputs)
        if (label or scores) and not requested:
            labels, confidences = self._responses.labels_and_confidences(outputs)
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
            table = outputs[scores]
            if score_columns_known(self._signature):
                for index, each in enumerate(self._signature.classes or range(table.shape[1])):
                    columns[f"probability_{each}"] = list(table[:, index])
            else:
                columns |= _columns(scores, table, scores)
        return columns

    def array(self, outputs: Tensors, requested: Sequence[str], *, by_row: bool, probabilities: bool) -> Array:
        """The array of a response: probabilities if they are requested, else labels, else the only output.

        Raises NotAcceptable if there are several outputs.
        """
        label, scores = self._signature.label, self._signature.scores
        if probabilities:
            return outputs[scores]
        if by_row and (label or scores) and not requested:
            labels, _ = self._responses.labels_and_confidences(outputs)
            return _array(labels)
        if len(outputs) > 1:
            raise NotAcceptable(
                'the response has several outputs, but an array holds one; request JSON, or one output in "outputs"'
            )
        [array] = outputs.values()
        return array

    def csv(self, columns: Columns) -> bytes:
        """CSV with a header. Missing and non-finite values are empty cells."""
        file = _LfLines(newline="")
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*([_cell(value) for value in column] for column in columns.values()), strict=True))
        return file.getvalue().encode()


def _label_columns(labels: list[Any]) -> Columns:
    """One column of labels, or several for a multi-label model."""
    if type(labels[0]) is not list:
        return {"prediction": labels}
    return {f"prediction_{index}": list(own) for index, own in enumerate(zip(*labels, strict=True))}


def _array(labels: list[Any]) -> Array:
    """Labels as an array, of dtype object unless all are numbers of the same type."""
    array = np.array(labels, np.object_)
    kinds = set(map(type, array.ravel().tolist()))
    return array if len(kinds) > 1 or kinds <= {str, bytes} else np.array(labels)


def _columns(name: str, array: Array, output: str) -> Columns:
    """The columns of an output; their names begin with `name`."""
    if array.ndim == 1 or array.shape[1:] == (1,):
        return {name: list(array.reshape(-1))}
    if array.ndim == 2:
        return {f"{name}_{index}": list(array[:, index]) for index in range(array.shape[1])}
    raise NotAcceptable(f"output {output!r} cannot be sent as a table; request JSON")


class _LfLines(io.StringIO):
    """Lines that end in LF. If `csv.writer` ended them in LF, it would not quote a CR in a string, where readers end a row."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> str:
    """The value as in JSON, without quotes. Numbers have the digits of their own precision, FP16 those of FP32."""
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, bytes):
        shown = json_text(value)
        return shown if isinstance(shown, str) else str(shown["b64"])
    return str(np.float32(value)) if isinstance(value, np.float16) else str(value)
