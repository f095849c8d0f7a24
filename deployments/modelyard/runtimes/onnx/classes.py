"""Finds a classifier's classes in its graph, by the operators that compute the label. Pure.

A label is the output of an operator that has the classes in an attribute, or is looked up in a table of classes by the index of the
largest score. In both cases the graph declares the class of each column of scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.runtimes.onnx.graph import Graph, Node, Values
from modelyard.tensors import Scalar

_VALUE_PRESERVING = frozenset(("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))
"""Operators whose outputs are their inputs' values, in the same order."""
_ORDER_PRESERVING = _VALUE_PRESERVING | {"LogSoftmax", "Normalizer", "Sigmoid", "Softmax"}
"""Operators that change scores, but keep each in its column."""
_CLASSIFIERS = frozenset(("LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"))
_KEYS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
_SCALARS = (bool, int, str)


@dataclass(frozen=True, slots=True)
class GraphClasses:
    """The classes that a graph declares for a label."""

    classes: tuple[Scalar, ...]
    """In the order of the scores; () if the label is the index of a column of the scores."""
    scores: str
    """The tensor of scores that the label was chosen by."""


def zipmap_classes(graph: Graph, output: str) -> tuple[Scalar, ...]:
    """The keys of the maps that a ZipMap returns; () if the output is not a ZipMap's."""
    node = graph.producers.get(_source_of(graph, output, _VALUE_PRESERVING))
    return _attribute(node) if node is not None and node.kind == "ZipMap" else ()


def label_classes(graph: Graph, label: str) -> GraphClasses | None:
    """The classes of the output that is the label; None if the graph does not determine them."""
    name = _source_of(graph, label, _VALUE_PRESERVING)
    node = graph.producers.get(name)
    if node is None:
        return None
    if node.kind in _CLASSIFIERS:
        return (
            GraphClasses(_attribute(node), node.outputs[1])
            if name == node.outputs[0] and len(node.outputs) > 1
            else None
        )
    if node.kind in ("ArgMax", "TopK"):
        return GraphClasses((), node.inputs[0]) if _is_along_columns(node, name) else None
    if node.kind in ("LabelEncoder", "CategoryMapper"):
        names, index = _encoder(node), node.inputs[0]
    elif node.kind == "ArrayFeatureExtractor" or (node.kind == "Gather" and node.integer("axis", 0) == 0):
        names, index = graph.values(_source_of(graph, node.inputs[0], _VALUE_PRESERVING)), node.inputs[1]
    else:
        return None
    chosen = label_classes(graph, index)
    if chosen is None or not names:
        return None
    if chosen.classes:  # a table of tables: the classes are indices into it
        return _class_names(chosen, names)
    return GraphClasses(_as_labels(names), chosen.scores) if _as_labels(names) else None


def scores_in_class_order(graph: Graph, found: GraphClasses, scores: str) -> bool:
    """Whether the columns of this output are certainly those that the label was chosen by.

    A support vector machine of two classes without probabilities returns for each class the votes of the other.
    """
    maker = graph.producers.get(found.scores)
    if maker is not None and maker.kind == "SVMClassifier" and "prob_a" not in maker.attributes:
        return False
    return _source_of(graph, scores, _ORDER_PRESERVING) == _source_of(graph, found.scores, _ORDER_PRESERVING)


def _source_of(graph: Graph, name: str, kinds: frozenset[str]) -> str:
    """The input of the first operator in a chain of such operators."""
    while (node := graph.producers.get(name)) is not None and node.kind in kinds and name == node.outputs[0]:
        name = node.inputs[0]
    return name


def _attribute(node: Node) -> tuple[Scalar, ...]:
    for key in _KEYS:
        attribute = node.attributes.get(key)
        found: Sequence[Scalar] = () if attribute is None else attribute.strings() or attribute.integers()
        if found:
            return tuple(found)
    return ()


def _is_along_columns(node: Node, output: str) -> bool:
    """Whether a node finds the index of the largest value in a row."""
    if node.kind == "TopK":
        return output == node.outputs[1] and node.integer("axis", -1) in (1, -1) and node.integer("largest", 1) == 1
    return node.integer("axis", 0) in (1, -1)


def _encoder(node: Node) -> Values | None:
    """The name of each index: of keys 0, 1, ... in order, or from the list of an older operator."""
    for key in ("classes_strings", "cats_strings"):
        if key in node.attributes and (key == "classes_strings" or "cats_int64s" in node.attributes):
            names = node.attributes[key].strings()
            keys = tuple(range(len(names))) if key == "classes_strings" else node.integers("cats_int64s", ())
            return names if keys == tuple(range(len(names))) else None
    keys = node.integers("keys_int64s", ())
    values = node.attributes.get("values_strings") or node.attributes.get("values_int64s")
    if values is None or keys != tuple(range(len(keys))):
        return None
    return values.strings() or values.integers()


def _class_names(chosen: GraphClasses, names: Values) -> GraphClasses | None:
    """The classes, if each is an index into `names`."""
    indices = [index for index in chosen.classes if isinstance(index, int) and 0 <= index < len(names)]
    if len(indices) < len(chosen.classes):
        return None
    return GraphClasses(tuple(names[index] for index in indices), chosen.scores)


def _as_labels(names: Values) -> tuple[Scalar, ...]:
    """Integers and strings unchanged, integral floats as integers; () for other values or duplicates."""
    found = tuple(int(name) if isinstance(name, float) and name.is_integer() else name for name in names)
    return found if all(isinstance(name, _SCALARS) for name in found) and len(set(found)) == len(found) else ()
