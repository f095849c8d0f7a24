"""Sizes in YAML: `512MiB`, `1.5GB` or a number of bytes."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from modelyard.config.spec_base import expected, rejected

PATTERN = r"^[0-9]{1,18}(\.[0-9]{1,9})? ?(B|[kKMGT]B|[KMGT]iB)$"
"""A number and its unit; 1 KiB is 1024 bytes, 1 KB or kB is 1000."""
MIN_BODY_BYTES, MIN_MEMORY_BYTES = 1000, 16 * 2**20
"""A smaller number is one whose unit was forgotten."""

_UNITS = {"B": 1, "kB": 1000} | {
    prefix + suffix: base ** (power + 1)
    for power, prefix in enumerate("KMGT")
    for suffix, base in (("B", 1000), ("iB", 1024))
}
_LOOSE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([kmgt])(i?)b?", re.ASCII | re.IGNORECASE)


def parse(text: str) -> int:
    """Bytes, rounded down to a whole number. Raises ValueError if the text is not a size."""
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"{text!r} is not a size")
    number = re.match(r"[0-9.]+", text)
    assert number is not None  # noqa: S101 - the pattern above begins with a digit
    return int(Decimal(number.group()) * _UNITS[text[number.end() :].strip()])


def nearest(text: str) -> str:
    """The size that a misspelt one ("512mb", "512Mi") probably means ("512MB", "512MiB"), or ""."""
    if not (match := _LOOSE.fullmatch(text)):
        return ""
    number, prefix, binary = match.groups()
    return f"{number}{prefix.upper()}{binary.lower()}B"


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except ValueError:
        near = nearest(value)
        hint = f"did you mean {near}?" if near else ""
        raise expected("a size such as 512MiB, 1.5GB or a number of bytes", hint) from None


def _as_body(size: int) -> int:
    if size < MIN_BODY_BYTES:
        raise rejected(f"{size} bytes are too small a limit for request bodies", _with_unit(size))
    return size


def _as_memory(size: int) -> int:
    if size < MIN_MEMORY_BYTES:
        raise rejected(f"{size} bytes are too little memory for a model", _with_unit(size))
    return size


def _with_unit(number: int) -> str:
    return f"did you mean {number}MiB?" if number < 2**20 else "add a unit, such as 512MiB"


Bytes = Annotated[
    int,
    Field(ge=1, le=2**50),
    BeforeValidator(
        _parsed,
        json_schema_input_type=Annotated[int, Field(ge=1, le=2**50)] | Annotated[str, Field(pattern=PATTERN)],
    ),
]
"""A size in bytes, at most one pebibyte."""
BodyBytes = Annotated[Bytes, AfterValidator(_as_body)]
"""The size of a request's body."""
MemoryBytes = Annotated[Bytes, AfterValidator(_as_memory)]
"""The memory of a model."""
