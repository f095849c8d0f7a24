"""A classifier's classes, from its graph: by what its label is made of. Pure.

A label comes out of an operator that has the classes in an attribute, or is looked up in a table of them by the place of the
largest score. Either way the graph says which class each column of scores is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.runtimes.onnx.graph import Graph, Node, Values
from modelyard.tensors import Scalar

_VALUE_PRESERVING = frozenset(("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))
"""They give the values that they are given, in the same order."""
_ORDER_PRESERVING = _VALUE_PRESERVING | {"LogSoftmax", "Normalizer", "Sigmoid", "Softmax"}
"""They change scores, and leave each in its column."""
_CLASSIFIERS = frozenset(("LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"))
_KEYS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
_SCALARS = (bool, int, str)


@dataclass(frozen=True, slots=True)
class GraphClasses:
    """What a label's graph says."""

    classes: tuple[Scalar, ...]
    """In the order of the scores; () where the columns of the scores are the labels."""
    scores: str
    """The tensor from whose columns the label was chosen."""


def zipmap_classes(graph: Graph, output: str) -> tuple[Scalar, ...]:
    """The keys of the maps that a ZipMap gives; () where the output is not a ZipMap's."""
    node = graph.makers.get(_source_of(graph, output, _VALUE_PRESERVING))
    return _attribute(node) if node is not None and node.kind == "ZipMap" else ()


def label_classes(graph: Graph, label: str) -> GraphClasses | None:
    """The classes of the output that is the label; None where the graph does not say them for certain."""
    name = _source_of(graph, label, _VALUE_PRESERVING)
    node = graph.makers.get(name)
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
    if chosen.classes:  # a table of tables: the classes are places in it
        return _class_names(chosen, names)
    return GraphClasses(_as_labels(names), chosen.scores) if _as_labels(names) else None


def scores_in_class_order(graph: Graph, found: GraphClasses, scores: str) -> bool:
    """Whether the columns of this output are for certain those that the label was chosen from.

    A support vector machine without probabilities gives each class the votes of the other, where there are two.
    """
    maker = graph.makers.get(found.scores)
    if maker is not None and maker.kind == "SVMClassifier" and "prob_a" not in maker.attributes:
        return False
    return _source_of(graph, scores, _ORDER_PRESERVING) == _source_of(graph, found.scores, _ORDER_PRESERVING)


def _source_of(graph: Graph, name: str, kinds: frozenset[str]) -> str:
    """The tensor that came in at the begin of a chain of such operators."""
    while (node := graph.makers.get(name)) is not None and node.kind in kinds and name == node.outputs[0]:
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
    """Whether a node finds the place of the largest value in a row."""
    if node.kind == "TopK":
        return output == node.outputs[1] and node.integer("axis", -1) in (1, -1) and node.integer("largest", 1) == 1
    return node.integer("axis", 0) in (1, -1)


def _encoder(node: Node) -> Values | None:
    """What each place is called: keys 0, 1, ... in order, or the list of an older operator."""
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
    """The classes, where each is a place among names."""
    places = [place for place in chosen.classes if isinstance(place, int) and 0 <= place < len(names)]
    if len(places) < len(chosen.classes):
        return None
    return GraphClasses(tuple(names[place] for place in places), chosen.scores)


def _as_labels(names: Values) -> tuple[Scalar, ...]:
    """Whole numbers and texts as they are, floats that are whole as numbers; () where that is not what they are."""
    found = tuple(int(name) if isinstance(name, float) and name.is_integer() else name for name in names)
    return found if all(isinstance(name, _SCALARS) for name in found) and len(set(found)) == len(found) else ()
