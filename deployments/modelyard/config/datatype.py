"""Datatypes of inputs in YAML."""

import difflib
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator

from modelyard.config.spec_base import expected

Datatype = Literal["BOOL", "INT64", "FP32", "FP64", "BYTES", "DATETIME"]
"""The Open Inference Protocol's names, and DATETIME."""
NAMES: tuple[str, ...] = get_args(Datatype)
EXPECTED_NAMES = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"

_ALIASES = {
    "BOOL": ("boolean", "flag"),
    "INT64": ("int", "integer", "long", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"),
    "FP32": ("float32", "single", "fp16", "float16", "half"),
    "FP64": ("float", "float64", "double", "number", "numeric"),
    "BYTES": ("str", "string", "text", "object", "category", "categorical", "byte"),
    "DATETIME": ("date", "time", "timestamp", "datetime64", "datetime64[ns]", "datetime64[us]", "datetime64[s]"),
}
"""Names of the same datatypes in numpy, pandas, Arrow and SQL, in lower case. They are suggested, not accepted."""
_BY_ALIAS = {other: name for name, others in _ALIASES.items() for other in (name.lower(), *others)}


def nearest(text: str) -> str:
    """The datatype that another name ("float32", "string", "fp64") probably means, or ""."""
    near = difflib.get_close_matches(text.strip().lower(), _BY_ALIAS, 1, cutoff=0.7)
    return _BY_ALIAS[near[0]] if near else ""


def _validated(value: object) -> object:
    if value in NAMES:
        return value
    near = nearest(value) if isinstance(value, str) else ""
    raise expected(EXPECTED_NAMES, f"did you mean {near}?" if near else "")


InputDatatype = Annotated[Datatype, BeforeValidator(_validated)]
