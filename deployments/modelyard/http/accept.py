"""Which form an answer is to have, by the client's Accept header. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

MediaType = Literal["application/json", "text/csv", "application/x-npy", "application/vnd.apache.arrow.stream"]

JSON: MediaType = "application/json"
NPY: MediaType = "application/x-npy"
ARROW: MediaType = "application/vnd.apache.arrow.stream"
ANY: Mapping[str, MediaType] = {"*/*": JSON, "application/*": JSON, "text/*": "text/csv"}
KNOWN: Mapping[str, MediaType] = {"text/csv": "text/csv", NPY: NPY, ARROW: ARROW, JSON: JSON, **ANY}


LONGEST = 1000
"""Bytes of the header that is looked at; a browser's has about 150."""


def preferred_media_type(accept: bytes) -> MediaType:
    """The form that the client likes best. JSON where it says nothing, or nothing that is there: who takes neither sees why."""
    return _liked_best(accept) if len(accept) <= LONGEST else JSON


@lru_cache(maxsize=256)
def _liked_best(accept: bytes) -> MediaType:
    best, weight = JSON, 0.0
    for entry in accept.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        found = KNOWN.get(name)
        if found is not None and (liked := _weight(parameters)) > weight:
            best, weight = found, liked
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
