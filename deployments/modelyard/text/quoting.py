"""Text from outside, as messages quote it."""

from typing import Any

import orjson

SHOWN = 60
"""Characters of a string that an error repeats."""


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer; a very long one is cut short."""
    return shortened(name).replace("~", "~0").replace("/", "~1")


def shortened(text: str) -> str:
    """Text that fits into a message."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def quoted(name: str) -> str:
    """A name or string as JSON writes it, cut short."""
    return orjson.dumps(shortened(name)).decode()


def described(value: Any) -> str:
    """A JSON value for "got ...": what it is, and what it says where that is short."""
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if value is None or isinstance(value, bool):
        return orjson.dumps(value).decode()
    return f"the number {value}"
