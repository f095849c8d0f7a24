"""Reads the signature that an operator's class declares in plain Python. Pure.

signature = {
    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 3], "columns": ["a", "b", "c"]}],
    "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]}],
    "task": "classification", "classes": ["yes", "no"], "label": "label", "scores": "", "rows": True,  # optional
}
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from modelyard.runtimes.base import LoadError
from modelyard.tensors import DTYPES, FREE, Scalar, Signature, Task, TensorSpec

_KEYS = frozenset(("inputs", "outputs", "task", "classes", "label", "scores", "rows"))
_TENSOR_KEYS = frozenset(("name", "datatype", "shape", "columns", "optional"))
_SCALARS = frozenset((str, int, float, bool))


def declared_signature(declared: Any, labels: Sequence[str] = ()) -> Signature:
    """The signature; the YAML's `labels`, if any, name its classes.

    Raises LoadError that names the first invalid part.
    """
    whole = _mapping(declared, "signature", _KEYS)
    inputs, outputs = _tensors(whole, "inputs"), _tensors(whole, "outputs")
    label, scores = _role(whole, "label", outputs), _role(whole, "scores", outputs)
    task = whole.get("task", "classification" if label or scores else "tensors")
    if task not in get_args(Task):
        raise LoadError(f"signature['task'] is {task!r}, and must be one of {', '.join(get_args(Task))}")
    if label and len(label.shape) not in (1, 2):
        raise LoadError(
            f"signature['label'] is {label.name!r}, whose shape {list(label.shape)} is not one label per row"
        )
    if scores and (len(scores.shape) != 2 or DTYPES[scores.datatype].kind not in "fiu"):
        raise LoadError(f"signature['scores'] is {scores.name!r}, which is not one number per row and class")
    classes = _classes(whole, labels, scores)
    if labels and not (label or scores):
        raise LoadError("the YAML has `labels`, but the signature has neither 'label' nor 'scores'")
    rows = whole.get("rows", True)
    if not isinstance(rows, bool):
        raise LoadError(f"signature['rows'] must be True or False, not {rows!r}")
    return Signature(inputs, outputs, task, classes, label.name if label else "", scores.name if scores else "", rows)


def _classes(whole: Mapping[str, Any], labels: Sequence[str], scores: TensorSpec | None) -> tuple[Scalar, ...]:
    own = whole.get("classes", ())
    if not isinstance(own, list | tuple) or not {type(each) for each in own} <= _SCALARS:
        raise LoadError(f"signature['classes'] must be a list of strings or numbers, not {own!r}")
    classes = tuple(labels) or tuple(own)
    if own and len(own) != len(classes):
        raise LoadError(f"the YAML has {len(labels)} labels, but signature['classes'] has {len(own)}")
    if classes and scores and scores.shape[1] not in (FREE, len(classes)):
        raise LoadError(f"there are {len(classes)} classes, but {scores.name!r} has {scores.shape[1]} scores per row")
    return classes


def _role(whole: Mapping[str, Any], role: str, outputs: Sequence[TensorSpec]) -> TensorSpec | None:
    """The output with this role, if the signature names one."""
    name = whole.get(role, "")
    found = [tensor for tensor in outputs if tensor.name == name]
    if name != "" and not found:
        raise LoadError(f"signature[{role!r}] is {name!r}, which is not an output")
    return found[0] if found else None


def _tensors(whole: Mapping[str, Any], part: str) -> tuple[TensorSpec, ...]:
    listed = whole.get(part)
    if not isinstance(listed, list | tuple) or not listed:
        raise LoadError(f"signature[{part!r}] must be a list of at least one tensor, not {listed!r}")
    tensors = tuple(_tensor(each, f"signature[{part!r}][{index}]") for index, each in enumerate(listed))
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise LoadError(f"signature[{part!r}] has two tensors of the same name")
    return tensors


def _tensor(declared: Any, where: str) -> TensorSpec:
    tensor = _mapping(declared, where, _TENSOR_KEYS)
    name, datatype, shape = (tensor.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str) or not name:
        raise LoadError(f"{where}['name'] must be a non-empty string, not {name!r}")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise LoadError(f"{where}['datatype'] must be one of {', '.join(DTYPES)}, not {datatype!r}")
    if not isinstance(shape, list | tuple) or not all(type(axis) is int and axis >= FREE for axis in shape):
        raise LoadError(f"{where}['shape'] must be a list of integers, with -1 for any length, not {shape!r}")
    columns = tensor.get("columns", ())
    if not isinstance(columns, list | tuple) or not all(isinstance(column, str) for column in columns):
        raise LoadError(f"{where}['columns'] must be a list of strings, not {columns!r}")
    if columns and tuple(shape[-1:]) != (len(columns),):
        raise LoadError(f"{where} has {len(columns)} columns, but its last axis is {list(shape[-1:])}")
    if len(set(columns)) < len(columns):
        raise LoadError(f"{where}['columns'] contains a name twice")
    return TensorSpec(name, datatype, tuple(shape), tuple(columns), tensor.get("optional", False) is True)


def _mapping(value: Any, where: str, keys: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LoadError(f"{where} must be a dict, not {type(value).__name__}")
    if unknown := value.keys() - keys:
        raise LoadError(f"{where} has an unknown key {min(unknown, key=str)!r}; known: {', '.join(sorted(keys))}")
    return value
