"""A graph's signature: its inputs, and which of its outputs is a label and which the scores of the classes."""

from collections.abc import Sequence
from typing import Any

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx.class_labels import LabelClasses
from modelyard.runtimes.onnx.graph import Model
from modelyard.runtimes.onnx.outputs import Output
from modelyard.runtimes.onnx.types import shape_of, tensor_datatype
from modelyard.tensors import DTYPES, FREE, Scalar, Signature, TensorSpec


def inputs_of(required: Sequence[Any], optional: Sequence[Any], model: Model | None) -> tuple[TensorSpec, ...]:
    """The inputs, and the optional ones: those with a value of their own in the graph. Raises LoadError."""
    if not (required or optional):
        raise LoadError("the graph has no inputs: there is nothing that a request could ask")
    return (*(_input(arg, False, model) for arg in required), *(_input(arg, True, model) for arg in optional))


def _input(arg: Any, optional: bool, model: Model | None) -> TensorSpec:
    datatype = tensor_datatype(arg.name, arg.type)
    if datatype is None:
        raise LoadError(f"input {arg.name!r} is a {arg.type}, and requests hold tensors")
    if not (arg.shape or optional or model is None or model.graph.has_shape(arg.name)):
        raise LoadError(
            f"input {arg.name!r} has no shape in the graph: say how many axes it has, with names for those of any length"
        )
    return TensorSpec(arg.name, datatype, shape_of(arg.shape), optional=optional)


def rows_of(inputs: Sequence[TensorSpec]) -> int:
    """The first axis that all inputs share which must be there; FREE where they share none."""
    lengths = {spec.shape[:1] for spec in inputs if not spec.optional}
    return lengths.pop()[0] if len(lengths) == 1 and lengths != {()} else FREE


def roles_of(inputs: tuple[TensorSpec, ...], outputs: Sequence[Output]) -> tuple[Output | None, Output | None]:
    """The outputs that are a label and the scores of classes, as converters write them: by shape, type and name alone."""
    rows = rows_of(inputs)
    label = _single([output for output in outputs if _is_label(output.spec, rows)])
    scores = _single([output for output in outputs if _is_scores(output.spec, rows)])
    if len(outputs) > 2 or (len(outputs) == 2 and label is None):
        scores = None
    return label, scores


def signature_of(
    inputs: tuple[TensorSpec, ...], outputs: Sequence[Output], labels: Sequence[str], known: LabelClasses
) -> Signature:
    """A classifier is what converters make of one, a label and the probabilities or a ZipMap, or what the YAML's `labels`
    make one: a single output of scores. `known` is what the graph says of its label.

    Raises LoadError where the YAML's labels do not fit.
    """
    specs = tuple(output.spec for output in outputs)
    label, scores = roles_of(inputs, outputs)
    if scores is None or not (labels or scores.classes or (label and "prob" in scores.spec.name.lower())):
        if labels:
            raise LoadError("the YAML has `labels`, but the model has no single output of one score a row and class")
        return Signature(inputs, specs)
    own = scores.classes or known.classes
    classes = _class_names(labels, scores, own) if labels else own
    name = label.spec.name if label else ""
    if not known.scored:  # as a single number for two classes, which a decision function may be
        return Signature(inputs, specs, "classification", classes, name)
    return Signature(inputs, specs, "classification", classes, name, scores.spec.name)


def _is_label(spec: TensorSpec, rows: int) -> bool:
    return spec.datatype in ("INT64", "INT32", "BYTES") and spec.shape in ((rows,), (rows, 1))


def _is_scores(spec: TensorSpec, rows: int) -> bool:
    return DTYPES[spec.datatype].kind == "f" and len(spec.shape) == 2 and spec.shape[0] == rows


def _single(found: Sequence[Output]) -> Output | None:
    return found[0] if len(found) == 1 else None


def _class_names(labels: Sequence[str], scores: Output, own: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """The YAML's names for the classes, if they fit."""
    if scores.width not in (FREE, len(labels)):
        raise LoadError(f"the YAML has {len(labels)} labels, and the model gives {scores.width} scores a row")
    if own and own not in (tuple(range(len(labels))), tuple(labels)) and list(map(str, own)) != list(labels):
        raise LoadError(f"the YAML's labels are names for classes 0, 1, ..., and the model's own are {list(own)}")
    return tuple(labels)
