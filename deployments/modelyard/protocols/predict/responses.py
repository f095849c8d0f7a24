"""Outputs to the JSON of an answer. What is not finite is null, whatever it stands in: JSON has no word for it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.tensors import DTYPES, Array, Scalar, Signature, Tensors, TensorSpec

SAME: Mapping[str, np.dtype[Any]] = {"q": DTYPES["INT64"], "Q": DTYPES["UINT64"]}
"""By the code of a dtype, an equal one whose single values orjson knows: C has two names for integers of 8 bytes."""
_TEXTS = frozenset((str,))


class ResponseWriter:
    """Writes the answers of one version."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._model_name = model_name
        self._version = str(version)
        self._label, self._scores = signature.label, signature.scores
        self._task = signature.task
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._others = tuple(name for name in self._outputs if name not in (self._label, self._scores))
        self._classes = signature.classes
        self._several = several_labels(signature)
        self._told = bool(self._scores) and not self._several and score_columns_known(signature)
        """Whether each label has a score that is known to be its own."""
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
            if self._classes:
                answer["classes"] = self._classes
            elif not self._label:
                answer["classes"] = list(range(scores.shape[1]))
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    def predictions(self, outputs: Tensors, chosen: Sequence[str]) -> Any:
        """What `write` has by row, without anything beside it: labels, numbers, or one object a row."""
        if (self._label or self._scores) and not chosen:
            return _texts(self._names(self._labels_of(outputs)))
        return self._rows(outputs, chosen or self._outputs)

    def labelled(self, outputs: Tensors) -> tuple[list[Any], list[Any] | None]:
        """A classifier's label for each row, or list of labels, and its score; None where there are none, or not of one label.

        Labels that are bytes and no text stay bytes.
        """
        labels = self._labels_of(outputs)
        return self._names(labels), self._scores_of(labels, outputs[self._scores]) if self._told else None

    def _labels_of(self, outputs: Tensors) -> list[Any]:
        return self._labels(outputs[self._label]) if self._label else outputs[self._scores].argmax(1).tolist()

    def _labels(self, array: Array) -> list[Any]:
        """One label a row, whether or not the framework puts each into a list; a list of them where the model gives several."""
        array = array if self._several else array.ravel()
        labels: list[Any] = array.tolist()
        if array.dtype.kind in "OS":
            return _decoded(labels)
        if array.dtype.kind != "f":
            return labels
        array = native(array)  # whose single values have the digits of their own precision
        return [list(row) for row in array] if self._several else list(array)

    def _names(self, labels: list[Any]) -> list[Any]:
        shown = self._shown
        return [shown.get(label, label) for label in labels] if shown else labels

    def _add_labels(self, answer: dict[str, Any], outputs: Tensors) -> None:
        """One label a row, with its score; then the outputs that are neither."""
        labels, confidences = self.labelled(outputs)
        answer["predictions"] = _texts(labels)
        if confidences is not None:
            answer["confidences"] = confidences
        if self._others:
            answer["outputs"] = {name: jsonable(outputs[name]) for name in self._others}

    def _scores_of(self, labels: Sequence[Any], scores: Array) -> list[Any]:
        """Each row's score of its label, as numpy's own scalars: they are written with the digits of their own precision.

        None for a label that is not among the classes.
        """
        if scores.dtype.char in SAME:
            scores = native(scores)
        width = scores.shape[1]
        # Without classes, the label is the place of the largest score.
        columns = [self._column_of.get(label, width) for label in labels] if self._classes else labels
        return [scores[row, column] if column < width else None for row, column in enumerate(columns)]

    def _rows(self, outputs: Tensors, names: Sequence[str]) -> Any:
        """One value a row where there is one output, else one object a row."""
        columns = [self._column(name, outputs[name]) for name in names]
        if len(columns) == 1:
            return columns[0]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def _column(self, name: str, array: Array) -> Any:
        if name == self._label:
            return _texts(self._names(self._labels(array)))
        if self._task == "regression" and array.shape[1:] == (1,):
            array = array.ravel()  # one number a row, whether or not the framework puts it into a list
        return jsonable(array)


def several_labels(signature: Signature) -> bool:
    """Whether the label's output holds a list of labels for each row."""
    return any(len(spec.shape) > 1 and spec.shape[1:] != (1,) for spec in _label_specs(signature))


def score_columns_known(signature: Signature) -> bool:
    """Whether it is known which class each score is of: without classes, only where the largest score is the label."""
    return bool(signature.classes) or not signature.label


def native(array: Array) -> Array:
    """The same values in this machine's order, in rows, and of a dtype whose single values orjson knows."""
    array = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    return array.view(SAME[array.dtype.char]) if array.dtype.char in SAME else array


def jsonable(array: Array) -> Any:
    """What orjson (with OPT_SERIALIZE_NUMPY) writes as this array's nested lists."""
    if array.dtype.kind in "OSU":
        return _texts(array.tolist())
    array = native(array)
    return array if array.ndim else array[()]


def text(value: Any) -> Any:
    """A BYTES value for JSON: text, or base64 for bytes that are none."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {BASE64_KEY: b64encode(value).decode()}


def _texts(value: Any) -> Any:
    if type(value) is list and _TEXTS.issuperset(map(type, value)):
        return value
    return [_texts(item) for item in value] if type(value) is list else text(value)


def _decoded(labels: list[Any]) -> list[Any]:
    """Bytes that are text as text; other bytes stay so, which can be looked up."""
    if _TEXTS.issuperset(map(type, labels)):  # nearly always
        return labels
    return [_decoded(label) if type(label) is list else _as_text(label) for label in labels]


def _as_text(label: Any) -> Any:
    shown = text(label)
    return label if type(shown) is dict else shown


def _label_specs(signature: Signature) -> Sequence[TensorSpec]:
    return [spec for spec in signature.outputs if signature.label and spec.name == signature.label]


def _label_tables(signature: Signature) -> tuple[dict[Any, Scalar], dict[Any, int]]:
    """By a label as the model gives it: the label as the client reads it, and the column of its score.

    A model with whole numbers for labels and names for classes gives a class's index, unless the names are numbers themselves.
    """
    classes = signature.classes
    dtypes = [DTYPES[spec.datatype] for spec in _label_specs(signature)]
    names = [name for name in classes if isinstance(name, str)]
    by_index = dict(enumerate(classes)), {column: column for column in range(len(classes))}
    if several_labels(signature):
        return {}, {}
    if not dtypes:
        return by_index
    if dtypes[0].kind == "f" and not names:  # as the model's precision has them
        own = [dtypes[0].type(label).item() for label in classes]
        return dict(zip(own, classes, strict=True)), {label: column for column, label in enumerate(own)}
    if dtypes[0].kind not in "biu" or not names:
        return {}, {label: column for column, label in enumerate(classes)}
    if all(name.removeprefix("-").isdecimal() for name in names):
        return {int(name): name for name in names}, {int(name): column for column, name in enumerate(names)}
    return by_index
