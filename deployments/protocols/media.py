"""Which form a body is in, by its content type."""

from functools import lru_cache
from typing import Literal

from deployments.errors import UnsupportedMediaType
from deployments.protocols.bad_values import shortened

Form = Literal["json", "csv", "npy", "arrow"]

NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"
TAKEN = f"application/json and text/csv, in UTF-8, {NPY}, and {ARROW}"
CHARSETS = ("utf-8", "utf8", "us-ascii")
BLANKS = b" \t\r\n"


def form_of(content_type: bytes, body: bytes) -> Form:
    """The body's form; JSON where no content type is given. Raises UnsupportedMediaType.

    curl and HTML forms send application/x-www-form-urlencoded unless told otherwise. That is taken for JSON where the body
    is a JSON object: no form that a browser sends begins with a brace.
    """
    if content_type in (b"application/json", b""):
        return "json"
    kind = _kind(content_type)
    if kind == "form":
        if body.lstrip(BLANKS)[:1] == b"{":
            return "json"
        raise UnsupportedMediaType(
            f"forms are not taken, only {TAKEN}; curl sends one unless told: -H 'content-type: text/csv'"
        )
    return kind


@lru_cache(maxsize=64)
def _kind(content_type: bytes) -> Literal["json", "csv", "npy", "arrow", "form"]:
    text = content_type.decode("latin-1").lower()
    media_type, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in CHARSETS:
            raise UnsupportedMediaType(f"charset {shortened(value.strip())!r} is not taken, only {TAKEN}")
    if media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json")):
        return "json"
    if media_type == "text/csv":
        return "csv"
    if media_type == NPY:
        return "npy"
    if media_type == ARROW:
        return "arrow"
    if media_type == "application/x-www-form-urlencoded":
        return "form"
    raise UnsupportedMediaType(f"content type {shortened(media_type)!r} is not taken, only {TAKEN}")
