"""Names of datatypes as people write them."""

import difflib
from typing import Literal, get_args

Datatype = Literal["BOOL", "INT64", "FP32", "FP64", "BYTES", "DATETIME"]
"""What an input may be: the Open Inference Protocol's names, and DATETIME."""
NAMES: tuple[str, ...] = get_args(Datatype)
EXPECTED = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"

_ALIASES = {
    "BOOL": ("boolean", "flag"),
    "INT64": ("int", "integer", "long", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"),
    "FP32": ("float32", "single", "fp16", "float16", "half"),
    "FP64": ("float", "float64", "double", "number", "numeric"),
    "BYTES": ("str", "string", "text", "object", "category", "categorical", "byte"),
    "DATETIME": ("date", "time", "timestamp", "datetime64", "datetime64[ns]", "datetime64[us]", "datetime64[s]"),
}
"""What numpy, pandas, Arrow and SQL call them, in lower case."""
_BY_ALIAS = {other: name for name, others in _ALIASES.items() for other in (name.lower(), *others)}


def nearest(text: str) -> str:
    """The name that another one ("float32", "string", "fp64") was probably meant to be, or nothing."""
    near = difflib.get_close_matches(text.strip().lower(), _BY_ALIAS, 1, cutoff=0.7)
    return _BY_ALIAS[near[0]] if near else ""
