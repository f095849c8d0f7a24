"""The classes that the label of a graph has, held against what the graph answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deployments.runtimes.onnx.classes import in_order, label_classes
from deployments.runtimes.onnx.graph import Model
from deployments.runtimes.onnx.outputs import Output
from deployments.tensors import FREE, Array, Scalar


def classes_of(model: Model, label: Output, scores: Output, answers: Sequence[Mapping[str, Any]]) -> tuple[Scalar, ...]:
    """The classes in the order of the scores; () where the graph does not say them, or its answers say otherwise.

    `answers` are what the graph gave in trials, by output.
    """
    found = label_classes(model.graph, label.spec.name)
    if found is None:
        return ()
    columns = len(found.classes) or scores.width
    if columns == FREE:
        return ()
    classes = _as_labels(found.classes or tuple(range(columns)), label)
    held = [answer for answer in answers if label.spec.name in answer]
    labels = np.concatenate([np.ravel(answer[label.spec.name]) for answer in held]).tolist() if held else []
    if not classes or not set(labels) <= set(classes):
        return ()
    if columns != scores.width or in_order(model.graph, found, scores.spec.name):
        return classes
    numbers = [answer[scores.spec.name] for answer in held]
    return classes if not numbers or _agree(classes, labels, np.concatenate(numbers)) else ()


def strange_label(classes: tuple[Scalar, ...], label: Output, answer: Mapping[str, Any]) -> str:
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


def _agree(classes: tuple[Scalar, ...], labels: Sequence[Scalar], scores: Array) -> bool:
    """Whether the class of the largest score is the label at least as often as by chance.

    A label need not be the class of the largest score (a support vector machine's is not always); columns in another order are
    found out, because then it nearly never is.
    """
    same = sum(classes[column] == label for column, label in zip(scores.argmax(1).tolist(), labels, strict=True))
    return bool(same * len(classes) >= len(labels))
