"""Maps ONNX's type names to datatypes. Pure.

Source of the names: the type strings of onnxruntime's NodeArg ("tensor(float)", "seq(map(int64,tensor(float)))").
"""

import re
from collections.abc import Sequence

from modelyard.runtimes.base import LoadError
from modelyard.tensors import FREE

DATATYPES = {
    "bool": "BOOL",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_TENSOR = re.compile(r"tensor\((\w+)\)")
_CLASS_SCORES = re.compile(r"seq\(map\((?:int64|string),tensor\((float|double)\)\)\)")


def tensor_datatype(name: str, type_: str) -> str | None:
    """The datatype of a tensor type; None for a sequence, a map or an optional type.

    Raises LoadError if numpy does not have the type of the elements, or if the tensor is sparse.
    """
    for element in _TENSOR.findall(type_):
        if element not in DATATYPES:
            raise LoadError(f"{name!r} is a {type_}, which numpy cannot hold; cast it to float in the graph")
    if "sparse_tensor" in type_:
        raise LoadError(f"{name!r} is a {type_}, which is not supported; make it dense in the graph")
    found = _TENSOR.fullmatch(type_)
    return DATATYPES[found[1]] if found else None


def scores_datatype(type_: str) -> str | None:
    """The datatype of the scores in a ZipMap's output, one map per row from class to score; None for another type."""
    found = _CLASS_SCORES.fullmatch(type_)
    return DATATYPES[found[1]] if found else None


def shape_of(dimensions: Sequence[object]) -> tuple[int, ...]:
    """The shape, with FREE for each axis without a fixed length: a name, None or a negative number."""
    return tuple(axis if isinstance(axis, int) and axis >= 0 else FREE for axis in dimensions)
