"""The classes that the label of a graph has, held against what the graph answers."""

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
    """What is known of a label and the scores beside it."""

    classes: tuple[Scalar, ...] = ()
    """The label's classes, in the graph's order; () where the graph does not say them."""
    scored: bool = True
    """Whether each column of the scores is, as far as trials show, the score of one class, in the same order."""


def classes_of_label(
    model: Model | None, label: Output, scores: Output, names: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> LabelClasses:
    """The classes that the graph says, held against `answers`: what it gave in trials, by output.

    `names` are the YAML's labels. Where the graph says nothing, they are names for labels 0, 1, ...: LoadError where it gives
    others.
    """
    found = label_classes(model.graph, label.spec.name) if model else None
    said = found.classes if found else ()
    classes = _as_labels(said or tuple(range(scores.width if found else len(names))), label)
    held = [answer for answer in answers if label.spec.name in answer]
    labels = np.concatenate([np.ravel(answer[label.spec.name]) for answer in held]).tolist() if held else []
    if strange := [each for each in labels if each not in classes]:
        if names and not said and label.spec.datatype != "BYTES":
            raise LoadError(f"the YAML's labels are names for classes 0, 1, ..., and the model gives {strange[0]!r}")
        return LabelClasses()
    one_each = scores.width in (FREE, len(classes))
    if found and model and (not one_each or scores_in_class_order(model.graph, found, scores.spec.name)):
        return LabelClasses(classes, one_each)
    scored = not (held and classes) or _scores_agree(classes, labels, [answer[scores.spec.name] for answer in held])
    return LabelClasses(classes if found else (), scored)


def unexpected_label(classes: tuple[Scalar, ...], label: Output, answer: Mapping[str, Any]) -> str:
    """A note for the operator where the graph gives a label that is none of its own classes; "" where it does not.

    onnxruntime gives 0 and 1 for some forests of two classes, whatever the classes are.
    """
    given = np.ravel(answer[label.spec.name]).tolist() if label.spec.name in answer else []
    strange = [each for each in given if each not in classes] if classes else []
    if not strange:
        return ""
    return f"output {label.spec.name!r} gives {strange[0]!r}, and the graph's classes are {list(classes)}: no score is this label's"


def _as_labels(classes: tuple[Scalar, ...], label: Output) -> tuple[Scalar, ...]:
    """The classes as the label's output writes them; () where it cannot."""
    if label.spec.datatype == "BYTES":
        return classes if all(isinstance(each, str) for each in classes) else ()
    return tuple(int(each) for each in classes) if not any(isinstance(each, str) for each in classes) else ()


def _scores_agree(classes: tuple[Scalar, ...], labels: Sequence[Scalar], scores: Sequence[Array]) -> bool:
    """Whether the class of the largest score is the label at least as often as by chance.

    A label need not be the class of the largest score (a support vector machine's is not always); columns in another order are
    found out, because then it nearly never is.
    """
    if any(array.shape[1] != len(classes) for array in scores) or sum(map(len, scores)) != len(labels):
        return False
    largest = np.concatenate(scores).argmax(1).tolist()
    same = sum(classes[column] == label for column, label in zip(largest, labels, strict=True))
    return bool(same * len(classes) >= len(labels))
