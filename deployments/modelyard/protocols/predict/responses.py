"""Writes outputs as the JSON of a response. Numbers that are not finite become null, since JSON cannot represent them."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from modelyard.protocols.predict.label_scores import label_scores
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.tensors import DTYPES, Array, Scalar, Signature, Tensors, TensorSpec

ORJSON_DTYPES: Mapping[str, np.dtype[Any]] = {"q": DTYPES["INT64"], "Q": DTYPES["UINT64"]}
"""For the code of a dtype, an equal dtype whose scalars orjson supports: C has two names for 8-byte integers."""
_PYTHON_DTYPES = frozenset(dtype for dtype in DTYPES.values() if dtype.kind in "biu" or dtype == np.float64)
"""Dtypes whose values Python's own types represent. FP16 and FP32 are written with fewer digits."""
_TEXTS = frozenset((str,))
_JSON_TYPES = frozenset((str, int, float, bool, type(None), np.float16, np.float32, np.float64))
"""Types that orjson writes itself. Other values may be bytes."""


class ResponseWriter:
    """Writes the responses of one version."""

    def __init__(self, model_name: str, version: int, signature: Signature) -> None:
        self._model_name = model_name
        self._version = str(version)
        self._label, self._scores = signature.label, signature.scores
        self._task = signature.task
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._other_outputs = tuple(name for name in self._outputs if name not in (self._label, self._scores))
        self._classes = signature.classes
        self._multi_label = is_multi_label(signature)
        self._has_confidences = bool(self._scores) and not self._multi_label and score_columns_known(signature)
        """Whether it is known which score belongs to each label."""
        self._name_of, self._column_of = _label_tables(signature)

    def write(self, outputs: Tensors, requested: Sequence[str], *, by_row: bool, probabilities: bool) -> bytes:
        """The JSON of one response; docs/predict.md describes it. Holds the `requested` outputs, or all if none are requested."""
        document: dict[str, Any] = {"model_name": self._model_name, "model_version": self._version}
        if not by_row:
            document["outputs"] = {name: jsonable(outputs[name]) for name in requested or self._outputs}
        elif (self._label or self._scores) and not requested:
            self._add_labels(document, outputs)
        else:
            document["predictions"] = self._rows(outputs, requested or self._outputs)
        if probabilities:
            scores = outputs[self._scores]
            document["probabilities"] = jsonable(scores)
            if self._classes:
                document["classes"] = self._classes
            elif not self._label:
                document["classes"] = list(range(scores.shape[1]))
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)

    def predictions(self, outputs: Tensors, requested: Sequence[str]) -> Any:
        """The predictions that `write` has by row: labels, numbers, or one object per row."""
        if (self._label or self._scores) and not requested:
            return _texts(self._names(self._labels_of(outputs)))
        return self._rows(outputs, requested or self._outputs)

    def labels_and_confidences(self, outputs: Tensors) -> tuple[list[Any], list[Any] | None]:
        """A classifier's label (or list of labels) for each row, and their scores; None if there is no score for each label.

        Labels that are not UTF-8 stay bytes.
        """
        labels = self._labels_of(outputs)
        return self._names(labels), list(self._scores_of(labels, outputs)) if self._has_confidences else None

    def _labels_of(self, outputs: Tensors) -> list[Any]:
        return self._labels(outputs[self._label]) if self._label else outputs[self._scores].argmax(1).tolist()

    def _labels(self, array: Array) -> list[Any]:
        """One label per row, whether or not the framework wraps each in a list; a list of labels for a multi-label model."""
        array = array if self._multi_label else array.ravel()
        labels: list[Any] = array.tolist()
        if array.dtype.kind in "OS":
            return _decoded(labels)
        if array.dtype.kind != "f":
            return labels
        array = native(array)  # its scalars are written with the digits of their own precision
        return [list(row) for row in array] if self._multi_label else list(array)

    def _names(self, labels: list[Any]) -> list[Any]:
        shown = self._name_of
        return list(map(shown.get, labels, labels)) if shown else labels

    def _add_labels(self, document: dict[str, Any], outputs: Tensors) -> None:
        """Add one label per row and its score, then the outputs that are neither."""
        labels = self._labels_of(outputs)
        document["predictions"] = _texts(self._names(labels))
        if self._has_confidences:
            document["confidences"] = self._scores_of(labels, outputs)
        if self._other_outputs:
            document["outputs"] = {name: jsonable(outputs[name]) for name in self._other_outputs}

    def _scores_of(self, labels: Sequence[Any], outputs: Tensors) -> Array | list[Any]:
        scores = outputs[self._scores]
        if scores.dtype.char in ORJSON_DTYPES:
            scores = native(scores)
        # Without classes, the label is the index of the largest score.
        return label_scores(labels, self._column_of if self._classes else None, scores)

    def _rows(self, outputs: Tensors, names: Sequence[str]) -> Any:
        """One value per row if there is one output, else one object per row."""
        columns = [self._column(name, outputs[name]) for name in names]
        return columns[0] if len(columns) == 1 else row_objects(names, columns)

    def _column(self, name: str, array: Array) -> Any:
        if name == self._label:
            return _texts(self._names(self._labels(array)))
        if self._task == "regression" and array.shape[1:] == (1,):
            array = array.ravel()  # one number per row, whether or not the framework wraps it in a list
        return jsonable(array)


def is_multi_label(signature: Signature) -> bool:
    """Whether the label output holds a list of labels for each row."""
    return any(len(spec.shape) > 1 and spec.shape[1:] != (1,) for spec in _label_specs(signature))


def score_columns_known(signature: Signature) -> bool:
    """Whether it is known which class each score is of. Without classes, that is so only if the largest score is the label."""
    return bool(signature.classes) or not signature.label


def native(array: Array) -> Array:
    """The same values in native byte order, C-contiguous, and in a dtype whose scalars orjson supports."""
    array = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    return array.view(ORJSON_DTYPES[array.dtype.char]) if array.dtype.char in ORJSON_DTYPES else array


def jsonable(array: Array) -> Any:
    """An object that orjson (with OPT_SERIALIZE_NUMPY) writes as this array's nested lists."""
    if array.dtype.kind in "OSU":
        return _texts(array.tolist())
    array = native(array)
    return array if array.ndim else array[()]


def row_objects(names: Sequence[str], columns: Sequence[Any]) -> list[dict[str, Any]]:
    """One object per row, from a column for each name: a list, or an array from `jsonable`."""
    values = zip(*map(_row_values, columns), strict=True)
    return [dict(zip(names, row, strict=True)) for row in values]


def json_text(value: Any) -> Any:
    """A BYTES value for JSON: a string, or base64 for bytes that are not UTF-8."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {BASE64_KEY: b64encode(value).decode()}


def _row_values(column: Any) -> Any:
    """The column, as Python's own values if they are written as numpy's scalars are, which take more time."""
    same = isinstance(column, np.ndarray) and column.ndim == 1 and column.dtype in _PYTHON_DTYPES
    return column.tolist() if same else column


def _texts(value: Any) -> Any:
    if type(value) is list and _JSON_TYPES.issuperset(map(type, value)):
        return value
    return [_texts(item) for item in value] if type(value) is list else json_text(value)


def _decoded(labels: list[Any]) -> list[Any]:
    """Bytes that are UTF-8 as strings. Other bytes stay bytes: they are hashable, unlike their JSON form."""
    if _TEXTS.issuperset(map(type, labels)):  # nearly always
        return labels
    return [_decoded(label) if type(label) is list else _as_text(label) for label in labels]


def _as_text(label: Any) -> Any:
    shown = json_text(label)
    return label if type(shown) is dict else shown


def _label_specs(signature: Signature) -> Sequence[TensorSpec]:
    return [spec for spec in signature.outputs if signature.label and spec.name == signature.label]


def _label_tables(signature: Signature) -> tuple[dict[Any, Scalar], dict[Any, int]]:
    """For each label in the model's output: the label in the response, and the column of its score.

    If labels are integers and classes are names, a label is the index of a class, unless the names are numbers themselves.
    """
    classes = signature.classes
    dtypes = [DTYPES[spec.datatype] for spec in _label_specs(signature)]
    names = [name for name in classes if isinstance(name, str)]
    by_index = dict(enumerate(classes)), {column: column for column in range(len(classes))}
    if is_multi_label(signature):
        return {}, {}
    if not dtypes:
        return by_index
    if dtypes[0].kind == "f" and not names:  # rounded to the model's precision
        rounded = [dtypes[0].type(label).item() for label in classes]
        return dict(zip(rounded, classes, strict=True)), {label: column for column, label in enumerate(rounded)}
    if dtypes[0].kind not in "biu" or not names:
        return {}, {label: column for column, label in enumerate(classes)}
    if all(name.removeprefix("-").isdecimal() for name in names):
        return {int(name): name for name in names}, {int(name): column for column, name in enumerate(names)}
    return by_index
