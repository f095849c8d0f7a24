"""Values of plain (unquoted) YAML scalars by the core schema of YAML 1.2: `on` is a string and `0o12` is ten.

Source: https://yaml.org/spec/1.2.2/#103-core-schema
"""

import math
import re

Value = str | int | float | bool | None

_WORDS: dict[str, Value] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + dot: float(sign + "inf") for sign in ("", "+", "-") for dot in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+", re.ASCII)
_MAX_CHARS = 64
"""Maximum length of a number. Python refuses to convert thousands of digits."""
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


def resolve(text: str) -> Value:
    """The value of a plain scalar. Raises ValueError, with a message for the operator, if a number is out of range."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError("this number is too large")
        return number
    return text


def has_leading_zero(text: str) -> bool:
    """Whether a plain scalar is a number with a leading zero: 012 is 10 in YAML 1.1 (octal) and 12 in YAML 1.2."""
    return _LEADING_ZERO.fullmatch(text) is not None


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base) if len(text) <= _MAX_CHARS else _MAX_INTEGER + 1
    if not _MIN_INTEGER <= number <= _MAX_INTEGER:
        raise ValueError("this number has more than 64 bits")
    return number
