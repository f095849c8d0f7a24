"""A tensor's values one by one, as `InferTensorContents` holds them. Pure.

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
"""The field for each datatype that has one; FP16 and BF16 go as raw contents only."""
WIDE: Mapping[str, type] = {"int_contents": np.int32, "uint_contents": np.uint32}
"""Fields that hold narrower datatypes than their own."""


def from_contents(name: str, datatype: str, shape: Sequence[int], contents: Any) -> Array:
    """The array of an input. Raises InvalidRequest where the values are not there, not so many, or do not fit the datatype."""
    field = FIELDS.get(datatype)
    if field is None:
        raise InvalidRequest(f"input {name!r}: {datatype} is taken as raw_input_contents only")
    for set_field, _ in contents.ListFields():
        if set_field.name != field:
            raise InvalidRequest(f"input {name!r}: values of {datatype} stand in {field}, not in {set_field.name}")
    values = getattr(contents, field)
    check_size(name, len(values), shape)  # before they are read one by one
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
                raise InvalidRequest(f"input {name!r}: {value} is no {datatype}")
    return flat.astype(dtype)
