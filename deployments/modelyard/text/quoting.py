"""Quotes names and values from outside in messages."""

from typing import Any

import orjson

MAX_QUOTED_CHARS = 60
"""Characters of a string that a message quotes."""


def escaped(name: str) -> str:
    """A name as one part of a JSON pointer. A long name is truncated."""
    return shortened(name).replace("~", "~0").replace("/", "~1")


def shortened(text: str) -> str:
    """The text, truncated to MAX_QUOTED_CHARS."""
    return text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…"


def quoted(name: str) -> str:
    """A name or string as a truncated JSON string."""
    return orjson.dumps(shortened(name)).decode()


def described(value: Any) -> str:
    """A JSON value for "got ...": its type, and the value if it is short."""
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if value is None or isinstance(value, bool):
        return orjson.dumps(value).decode()
    return f"the number {value}"
