"""Versions of a model in YAML: which are served, and which one is the default."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from modelyard.config.spec_base import EXPECTED, Spec, expected

LABEL = r"^[a-z][a-z0-9._-]{0,62}$"
"""A version's label. It begins with a letter, so that no label reads as a number."""


class LatestVersions(Spec):
    """Serve the newest `latest` versions."""

    latest: int = Field(ge=1, description="Number of versions to serve, newest first")


def _form_of(value: object) -> str | None:
    if isinstance(value, str):
        return "(word)"
    if isinstance(value, dict | LatestVersions):
        return "(newest)"
    return "(numbers)" if isinstance(value, list) else None


Versions = Annotated[
    Annotated[Literal["latest", "all"], Tag("(word)")]
    | Annotated[LatestVersions, Tag("(newest)")]
    | Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1), Tag("(numbers)")],
    # A discriminator, so that a mistake gives one error and not one for each form.
    Discriminator(
        _form_of,
        custom_error_type=EXPECTED,
        custom_error_message="expected {what}",
        custom_error_context={"what": "latest, all, {latest: N} or a list of version numbers"},
    ),
]


def _number_or_label(value: object) -> object:
    if (type(value) is int and value >= 1) or (isinstance(value, str) and re.fullmatch(LABEL, value)):
        return value
    hint = f"did you mean {int(value)}?" if isinstance(value, str) and value.isdecimal() and int(value) else ""
    raise expected("a version number, or one of version_labels", hint)


Version = Annotated[int, Field(ge=1)]
DefaultVersion = Annotated[
    int | str,
    BeforeValidator(_number_or_label, json_schema_input_type=Version | Annotated[str, Field(pattern=LABEL)]),
]
"""A version number or a label."""
