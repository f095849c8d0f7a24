"""Checks the classes that a graph declares for its label against the graph's outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx.classes import label_classes, scores_in_class_order
from modelyard.runtimes.onnx.graph import Model
from modelyard.runtimes.onnx.outputs import Output
from modelyard.tensors import FREE, Array, Scalar


@dataclass(frozen=True, slots=True)
class LabelClasses:
    """The classes of a label, and whether the scores belong to them."""

    classes: tuple[Scalar, ...] = ()
    """The label's classes, in the graph's order; () if the graph does not declare them."""
    scored: bool = True
    """Whether each column of the scores is the score of one class, in the same order, as far as trial runs show."""


def classes_of_label(
    model: Model | None, label: Output, scores: Output, names: Sequence[str], trials: Sequence[Mapping[str, Any]]
) -> LabelClasses:
    """The classes that the graph declares, checked against `trials`: the outputs of trial runs, by name.

    `names` are the YAML's labels. If the graph declares no classes, they name the labels 0, 1, ...; raises LoadError if the graph
    returns other labels.
    """
    found = label_classes(model.graph, label.spec.name) if model else None
    declared = found.classes if found else ()
    classes = _as_labels(declared or tuple(range(scores.width if found else len(names))), label)
    labelled = [values_by_name for values_by_name in trials if label.spec.name in values_by_name]
    labels = (
        np.concatenate([np.ravel(values_by_name[label.spec.name]) for values_by_name in labelled]).tolist()
        if labelled
        else []
    )
    if unknown := [each for each in labels if each not in classes]:
        if names and not declared and label.spec.datatype != "BYTES":
            raise LoadError(f"the YAML's labels name the classes 0, 1, ..., but the model returns {unknown[0]!r}")
        return LabelClasses()
    one_each = scores.width in (FREE, len(classes))
    if found and model and (not one_each or scores_in_class_order(model.graph, found, scores.spec.name)):
        return LabelClasses(classes, one_each)
    scored = not (labelled and classes) or _scores_agree(
        classes, labels, [values_by_name[scores.spec.name] for values_by_name in labelled]
    )
    return LabelClasses(classes if found else (), scored)


def unexpected_label(classes: tuple[Scalar, ...], label: Output, values_by_name: Mapping[str, Any]) -> str:
    """A note for the operator if the graph returns a label that is not one of its classes; else "".

    onnxruntime returns 0 and 1 for some forests of two classes, whatever the classes are.
    """
    returned = np.ravel(values_by_name[label.spec.name]).tolist() if label.spec.name in values_by_name else []
    unknown = [each for each in returned if each not in classes] if classes else []
    if not unknown:
        return ""
    return f"output {label.spec.name!r} returns {unknown[0]!r}, but the graph's classes are {list(classes)}: it has no score"


def _as_labels(classes: tuple[Scalar, ...], label: Output) -> tuple[Scalar, ...]:
    """The classes in the datatype of the label's output; () if it cannot hold them."""
    if label.spec.datatype == "BYTES":
        return classes if all(isinstance(each, str) for each in classes) else ()
    return tuple(int(each) for each in classes) if not any(isinstance(each, str) for each in classes) else ()


def _scores_agree(classes: tuple[Scalar, ...], labels: Sequence[Scalar], scores: Sequence[Array]) -> bool:
    """Whether the class of the largest score is the label at least as often as by chance.

    A label need not be the class of the largest score: a support vector machine's is not always. Columns in another order are
    detected, because then it nearly never is.
    """
    if any(array.shape[1] != len(classes) for array in scores) or sum(map(len, scores)) != len(labels):
        return False
    largest = np.concatenate(scores).argmax(1).tolist()
    same = sum(classes[column] == label for column, label in zip(largest, labels, strict=True))
    return bool(same * len(classes) >= len(labels))
