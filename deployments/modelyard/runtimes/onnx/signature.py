"""A graph's signature: its inputs, and which outputs are the label and the scores of the classes."""

from collections.abc import Sequence
from typing import Any

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx.class_labels import LabelClasses
from modelyard.runtimes.onnx.graph import Model
from modelyard.runtimes.onnx.outputs import Output
from modelyard.runtimes.onnx.types import shape_of, tensor_datatype
from modelyard.tensors import DTYPES, FREE, Scalar, Signature, TensorSpec


def inputs_of(required: Sequence[Any], optional: Sequence[Any], model: Model | None) -> tuple[TensorSpec, ...]:
    """The required inputs, then the optional ones, which have a default value in the graph. Raises LoadError."""
    if not (required or optional):
        raise LoadError("the graph has no inputs, so it cannot serve requests")
    return (*(_input(arg, False, model) for arg in required), *(_input(arg, True, model) for arg in optional))


def _input(arg: Any, optional: bool, model: Model | None) -> TensorSpec:
    datatype = tensor_datatype(arg.name, arg.type)
    if datatype is None:
        raise LoadError(f"input {arg.name!r} is a {arg.type}, but requests contain tensors only")
    if not (arg.shape or optional or model is None or model.graph.has_shape(arg.name)):
        raise LoadError(
            f"input {arg.name!r} has no shape in the graph: declare its axes, with names for those of any length"
        )
    return TensorSpec(arg.name, datatype, shape_of(arg.shape), optional=optional)


def rows_of(inputs: Sequence[TensorSpec]) -> int:
    """The length of the first axis that all required inputs share; FREE if they share none."""
    lengths = {spec.shape[:1] for spec in inputs if not spec.optional}
    return lengths.pop()[0] if len(lengths) == 1 and lengths != {()} else FREE


def roles_of(inputs: tuple[TensorSpec, ...], outputs: Sequence[Output]) -> tuple[Output | None, Output | None]:
    """The outputs that are the label and the scores, in the form of the common converters: by shape, type and name only."""
    rows = rows_of(inputs)
    label = _single([output for output in outputs if _is_label(output.spec, rows)])
    scores = _single([output for output in outputs if _is_scores(output.spec, rows)])
    if len(outputs) > 2 or (len(outputs) == 2 and label is None):
        scores = None
    return label, scores


def signature_of(
    inputs: tuple[TensorSpec, ...], outputs: Sequence[Output], labels: Sequence[str], known: LabelClasses
) -> Signature:
    """The signature. The model is a classifier if it has the outputs of a converted one, a label and the probabilities or a ZipMap;
    or if it has a single output of scores and the YAML has `labels`. `known` is what the graph declares about its label.

    Raises LoadError if the YAML's labels do not match the model.
    """
    specs = tuple(output.spec for output in outputs)
    label, scores = roles_of(inputs, outputs)
    if scores is None or not (labels or scores.classes or (label and "prob" in scores.spec.name.lower())):
        if labels:
            raise LoadError(
                "the YAML has `labels`, but the model has no single output with one score per row and class"
            )
        return Signature(inputs, specs)
    own = scores.classes or known.classes
    classes = _class_names(labels, scores, own) if labels else own
    name = label.spec.name if label else ""
    if not known.scored:  # such as the single number of a decision function for two classes
        return Signature(inputs, specs, "classification", classes, name)
    return Signature(inputs, specs, "classification", classes, name, scores.spec.name)


def _is_label(spec: TensorSpec, rows: int) -> bool:
    return spec.datatype in ("INT64", "INT32", "BYTES") and spec.shape in ((rows,), (rows, 1))


def _is_scores(spec: TensorSpec, rows: int) -> bool:
    return DTYPES[spec.datatype].kind == "f" and len(spec.shape) == 2 and spec.shape[0] == rows


def _single(found: Sequence[Output]) -> Output | None:
    return found[0] if len(found) == 1 else None


def _class_names(labels: Sequence[str], scores: Output, own: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """The YAML's names for the classes. Raises LoadError if they do not match."""
    if scores.width not in (FREE, len(labels)):
        raise LoadError(f"the YAML has {len(labels)} labels, but the model returns {scores.width} scores per row")
    if own and own not in (tuple(range(len(labels))), tuple(labels)) and list(map(str, own)) != list(labels):
        raise LoadError(f"the YAML's labels name the classes 0, 1, ..., but the model's own classes are {list(own)}")
    return tuple(labels)
