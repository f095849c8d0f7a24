"""Outputs to the JSON of an answer. What is not finite is null, whatever it stands in: JSON has no word for it."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from deployments.protocols.values import BASE64_KEY
from deployments.tensors import DTYPES, Array, Scalar, Signature, Tensors


class AnswerWriter:
    """Writes the answers of one version."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._model_name = model_name
        self._version = str(version)
        self._label, self._scores = signature.label, signature.scores
        self._task = signature.task
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._others = tuple(name for name in self._outputs if name not in (self._label, self._scores))
        self._classes = signature.classes
        self._shown, self._column_of = _label_tables(signature)

    def write(self, outputs: Tensors, chosen: Sequence[str], *, by_row: bool, probabilities: bool) -> bytes:
        """The JSON of one answer; see docs/predict.md for its members. Of the outputs only the `chosen`, if there are any."""
        answer: dict[str, Any] = {"model_name": self._model_name, "model_version": self._version}
        if not by_row:
            answer["outputs"] = {name: jsonable(outputs[name]) for name in chosen or self._outputs}
        elif (self._label or self._scores) and not chosen:
            self._add_labels(answer, outputs)
        else:
            answer["predictions"] = self._rows(outputs, chosen or self._outputs)
        if probabilities:
            scores = outputs[self._scores]
            answer["probabilities"] = jsonable(scores)
            answer["classes"] = self._classes or list(range(scores.shape[1]))
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    def predictions(self, outputs: Tensors, chosen: Sequence[str]) -> Any:
        """What `write` has by row, without anything beside it: labels, numbers, or one object a row."""
        if (self._label or self._scores) and not chosen:
            return self._names(self._labels_of(outputs))
        return self._rows(outputs, chosen or self._outputs)

    def labelled(self, outputs: Tensors) -> tuple[list[Any], list[Any] | None]:
        """A classifier's label for each row, and its score; None where there are no scores."""
        labels = self._labels_of(outputs)
        return self._names(labels), self._scores_of(labels, outputs[self._scores]) if self._scores else None

    def _labels_of(self, outputs: Tensors) -> list[Any]:
        return _labels(outputs[self._label]) if self._label else outputs[self._scores].argmax(1).tolist()

    def _names(self, labels: list[Any]) -> list[Any]:
        shown = self._shown
        return [shown.get(label, label) for label in labels] if shown else labels

    def _add_labels(self, answer: dict[str, Any], outputs: Tensors) -> None:
        """One label a row, with its score; then the outputs that are neither."""
        labels = self._labels_of(outputs)
        answer["predictions"] = self._names(labels)
        if self._scores:
            answer["confidences"] = self._scores_of(labels, outputs[self._scores])
        if self._others:
            answer["outputs"] = {name: jsonable(outputs[name]) for name in self._others}

    def _scores_of(self, labels: Sequence[Any], scores: Array) -> list[Any]:
        """Each row's score of its label, as numpy's own scalars: they are written with the digits of their own precision."""
        width = scores.shape[1]
        columns = [self._column_of.get(label, width) for label in labels]
        if not self._classes:
            columns = scores.argmax(1).tolist()  # nothing says which column is which label's
        return [scores[row, column] if column < width else None for row, column in enumerate(columns)]

    def _rows(self, outputs: Tensors, names: Sequence[str]) -> Any:
        """One value a row where there is one output, else one object a row."""
        columns = [self._column(name, outputs[name]) for name in names]
        if len(columns) == 1:
            return columns[0]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def _column(self, name: str, array: Array) -> Any:
        if name == self._label:
            return [self._shown.get(label, label) for label in _labels(array)]
        if self._task == "regression" and array.shape[1:] == (1,):
            array = array.ravel()  # one number a row, whether or not the framework puts it into a list
        return jsonable(array)


def jsonable(array: Array) -> Any:
    """What orjson (with OPT_SERIALIZE_NUMPY) writes as this array's nested lists."""
    if array.dtype.kind in "OSU":
        return _texts(array.tolist())
    if array.ndim == 0:
        return array[()]
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def text(value: Any) -> Any:
    """A BYTES value for JSON: text, or base64 for bytes that are none."""
    if type(value) is not bytes:
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {BASE64_KEY: b64encode(value).decode()}


def _texts(value: Any) -> Any:
    return [_texts(item) for item in value] if type(value) is list else text(value)


def _labels(array: Array) -> list[Any]:
    """One label a row, whether or not the framework puts each into a list."""
    labels: list[Any] = array.ravel().tolist()
    return [text(label) for label in labels] if array.dtype.kind in "OS" else labels


def _label_tables(signature: Signature) -> tuple[dict[Any, Scalar], dict[Any, int]]:
    """By a label as the model gives it: the label as the client reads it, and the column of its score.

    A model with whole numbers for labels and names for classes gives a class's index, unless the names are numbers themselves.
    """
    classes = signature.classes
    kinds = [DTYPES[spec.datatype].kind for spec in signature.outputs if spec.name == signature.label]
    names = [name for name in classes if isinstance(name, str)]
    by_index = dict(enumerate(classes)), {column: column for column in range(len(classes))}
    if not kinds:
        return by_index
    if kinds[0] not in "biu" or not names:
        return {}, {label: column for column, label in enumerate(classes)}
    if all(name.removeprefix("-").isdecimal() for name in names):
        return {int(name): name for name in names}, {int(name): column for column, name in enumerate(names)}
    return by_index
