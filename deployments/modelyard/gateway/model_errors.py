"""Errors for requests that no model's replica answered."""

from collections.abc import Mapping

from modelyard.errors import ModelNotFound, ModelNotReady
from modelyard.gateway.catalogue import Entry
from modelyard.text.nearest_name import nearest

OURS = "there is no model {!r}"
TRITONS = "Request for unknown model: {!r} is not found"
"""Its clients, and NVIDIA's examples of them, look for these words."""


def unknown_model(name: str, entries: Mapping[str, Entry], words: str = OURS) -> ModelNotFound:
    """There is none of this name; the nearest is named too."""
    near = nearest(name, entries)
    return ModelNotFound(words.format(name) + (f"; did you mean {near!r}?" if near else "; GET /models lists them"))


def not_ready(entry: Entry) -> ModelNotReady:
    """It is configured, and has no replica."""
    if entry.state == "READY":
        return ModelNotReady(f"model {entry.name!r} has no replica at hand")
    error = ModelNotReady(f"model {entry.name!r} is {entry.state}" + (f": {entry.reason}" if entry.reason else ""))
    error.retry_after_s = 30 if entry.state == "UNAVAILABLE" else 1
    return error


def find(name: str, entries: Mapping[str, Entry], words: str = TRITONS) -> Entry:
    """The model of this name. Raises ModelNotFound, in these words."""
    entry = entries.get(name)
    if entry is None:
        raise unknown_model(name, entries, words)
    return entry
