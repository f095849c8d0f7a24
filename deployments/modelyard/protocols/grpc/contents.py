"""Reads a tensor's values from `InferTensorContents`.

Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md (Tensor Data)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.tensors import check_size, shaped, texts
from modelyard.tensors import DTYPES, Array

FIELDS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field for each datatype. FP16 and BF16 have none and are sent as raw contents only."""
WIDE: Mapping[str, type] = {"int_contents": np.int32, "uint_contents": np.uint32}
"""Fields that also hold narrower datatypes."""


def from_contents(name: str, datatype: str, shape: Sequence[int], contents: Any) -> Array:
    """The array of an input. Raises InvalidRequest for a wrong field, a wrong number of values, or values out of range."""
    field = FIELDS.get(datatype)
    if field is None:
        raise InvalidRequest(f"input {name!r}: {datatype} is supported in raw_input_contents only")
    for set_field, _ in contents.ListFields():
        if set_field.name != field:
            raise InvalidRequest(f"input {name!r}: values of {datatype} belong in {field}, not in {set_field.name}")
    values = getattr(contents, field)
    check_size(name, len(values), shape)  # before the slow conversion
    if datatype == "BYTES":
        return shaped(name, texts(list(values)), shape)
    dtype = DTYPES[datatype]
    flat = np.fromiter(values, WIDE.get(field, dtype), len(values))
    if flat.dtype != dtype:
        flat = _narrowed(name, datatype, flat)
    return shaped(name, flat, shape)


def _narrowed(name: str, datatype: str, flat: Array) -> Array:
    dtype = DTYPES[datatype]
    if flat.size:
        bounds = np.iinfo(dtype)
        for value in (flat.min(), flat.max()):
            if not bounds.min <= value <= bounds.max:
                raise InvalidRequest(f"input {name!r}: {value} is out of range for {datatype}")
    return flat.astype(dtype)
