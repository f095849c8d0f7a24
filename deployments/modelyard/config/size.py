"""Sizes as people write them."""

import re
from decimal import Decimal

PATTERN = r"^[0-9]{1,18}(\.[0-9]{1,9})? ?(B|[kKMGT]B|[KMGT]iB)$"
"""A number and its unit; 1 KiB is 1024 bytes, 1 KB or kB is 1000."""

_UNITS = {"B": 1, "kB": 1000} | {
    prefix + suffix: base ** (power + 1)
    for power, prefix in enumerate("KMGT")
    for suffix, base in (("B", 1000), ("iB", 1024))
}
_LOOSE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([kmgt])(i?)b?", re.ASCII | re.IGNORECASE)


def parse(text: str) -> int:
    """Bytes, rounded down to a whole number. ValueError where the text is no size."""
    if not re.fullmatch(PATTERN.strip("^$"), text):
        raise ValueError(f"{text!r} is not a size")
    number = re.match(r"[0-9.]+", text)
    assert number is not None  # noqa: S101 - the pattern above begins with a digit
    return int(Decimal(number.group()) * _UNITS[text[number.end() :].strip()])


def nearest(text: str) -> str:
    """The size that a misspelt one ("512mb", "512Mi") was probably meant to be ("512MB", "512MiB"), or nothing."""
    if not (match := _LOOSE.fullmatch(text)):
        return ""
    number, prefix, binary = match.groups()
    return f"{number}{prefix.upper()}{binary.lower()}B"
