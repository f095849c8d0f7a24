"""The response format that a client prefers, from its Accept header."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

MediaType = Literal["application/json", "text/csv", "application/x-npy", "application/vnd.apache.arrow.stream"]

JSON: MediaType = "application/json"
NPY: MediaType = "application/x-npy"
ARROW: MediaType = "application/vnd.apache.arrow.stream"
ANY: Mapping[str, MediaType] = {"*/*": JSON, "application/*": JSON, "text/*": "text/csv"}
KNOWN: Mapping[str, MediaType] = {"text/csv": "text/csv", NPY: NPY, ARROW: ARROW, JSON: JSON, **ANY}

MAX_HEADER_BYTES = 1000
"""A longer header is ignored; a browser's has about 150 bytes."""


def preferred_media_type(accept: bytes) -> MediaType:
    """The supported media type with the highest weight. JSON if there is none: such a client can still read an error."""
    return _preferred(accept) if len(accept) <= MAX_HEADER_BYTES else JSON


@lru_cache(maxsize=256)
def _preferred(accept: bytes) -> MediaType:
    best, best_weight = JSON, 0.0
    for entry in accept.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        media_type = KNOWN.get(name)
        if media_type is not None and (weight := _weight(parameters)) > best_weight:
            best, best_weight = media_type, weight
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
