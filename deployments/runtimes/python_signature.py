"""The signature that an operator's class declares, in plain Python, as the project's own. Pure.

signature = {
    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 3], "columns": ["a", "b", "c"]}],
    "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]}],
    "task": "classification", "classes": ["yes", "no"], "label": "label", "scores": "",   # these may be left out
}
"""

from collections.abc import Mapping
from typing import Any, get_args

from deployments.runtimes.base import LoadError
from deployments.tensors import DTYPES, Signature, Task, TensorSpec

_KEYS = frozenset(("inputs", "outputs", "task", "classes", "label", "scores"))
_TENSOR_KEYS = frozenset(("name", "datatype", "shape", "columns", "optional"))


def declared_signature(declared: Any) -> Signature:
    """Raises LoadError that names the part which is not as above."""
    whole = _mapping(declared, "signature", _KEYS)
    outputs = tuple(_tensors(whole, "outputs"))
    names = {tensor.name for tensor in outputs}
    task = whole.get("task", "tensors")
    if task not in get_args(Task):
        raise LoadError(f"signature['task'] is {task!r}; it is one of {', '.join(get_args(Task))}")
    for role in ("label", "scores"):
        if whole.get(role, "") not in ("", *names):
            raise LoadError(f"signature[{role!r}] names {whole[role]!r}, which is no output")
    return Signature(
        inputs=tuple(_tensors(whole, "inputs")),
        outputs=outputs,
        task=task,
        classes=tuple(whole.get("classes", ())),
        label=whole.get("label", ""),
        scores=whole.get("scores", ""),
    )


def _tensors(whole: Mapping[str, Any], part: str) -> list[TensorSpec]:
    listed = whole.get(part)
    if not isinstance(listed, list | tuple) or not listed:
        raise LoadError(f"signature[{part!r}] is a list of at least one tensor, not {listed!r}")
    tensors = [_tensor(each, f"signature[{part!r}][{index}]") for index, each in enumerate(listed)]
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise LoadError(f"signature[{part!r}] has two tensors of one name")
    return tensors


def _tensor(declared: Any, where: str) -> TensorSpec:
    tensor = _mapping(declared, where, _TENSOR_KEYS)
    name, datatype, shape = (tensor.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str) or not name:
        raise LoadError(f"{where}['name'] is a text, not {name!r}")
    if not isinstance(datatype, str) or datatype not in DTYPES:
        raise LoadError(f"{where}['datatype'] is one of {', '.join(DTYPES)}, not {datatype!r}")
    if not isinstance(shape, list | tuple) or not all(isinstance(axis, int) and axis >= -1 for axis in shape):
        raise LoadError(f"{where}['shape'] is a list of whole numbers, -1 for any length, not {shape!r}")
    columns = tuple(tensor.get("columns", ()))
    if columns and (not shape or shape[-1] != len(columns)):
        raise LoadError(f"{where} has {len(columns)} columns, but its last axis is {shape[-1:] or 'missing'}")
    return TensorSpec(name, datatype, tuple(shape), columns, bool(tensor.get("optional", False)))


def _mapping(value: Any, where: str, keys: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LoadError(f"{where} is a dict, not {type(value).__name__}")
    if unknown := value.keys() - keys:
        raise LoadError(f"{where} has an unknown key {min(unknown, key=str)!r}; known: {', '.join(sorted(keys))}")
    return value
