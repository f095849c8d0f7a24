"""Which form a body is in, by its content type."""

from codecs import BOM_UTF8
from functools import lru_cache
from typing import Literal

from modelyard.errors import UnsupportedMediaType
from modelyard.text.quoting import shortened

BodyFormat = Literal["json", "csv", "npy", "arrow"]

NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"
SUPPORTED = f"application/json and text/csv, in UTF-8, {NPY}, and {ARROW}"
CHARSETS = ("utf-8", "utf8", "us-ascii")
BLANKS = b" \t\r\n"


def body_format(content_type: bytes, body: bytes) -> BodyFormat:
    """The body's form; JSON where no content type is given. Raises UnsupportedMediaType.

    curl and HTML forms send application/x-www-form-urlencoded unless told otherwise, and browsers' `fetch` sends a string as
    text/plain. Either is taken for JSON where the body is a JSON object: no form that a browser sends begins with a brace. The edge
    lets pages of listed origins alone send such bodies.
    """
    if content_type in (b"application/json", b""):
        return "json"
    kind = _kind(content_type)
    if kind == "plain":
        _check_object(body, f"text/plain is accepted for a JSON object alone; otherwise {SUPPORTED}")
        return "json"
    if kind == "form":
        curl = "curl sends one unless told: -H 'content-type: text/csv'"
        _check_object(body, f"forms are not taken, only {SUPPORTED}; {curl}")
        return "json"
    return kind


def _check_object(body: bytes, otherwise: str) -> None:
    if body.removeprefix(BOM_UTF8).lstrip(BLANKS)[:1] != b"{":
        raise UnsupportedMediaType(otherwise)


@lru_cache(maxsize=64)
def csv_header(content_type: bytes) -> bool | None:
    """Whether the parameter `header` says that the first line of CSV is a header (RFC 4180); None where it is not there.

    Raises UnsupportedMediaType where it is neither present nor absent.
    """
    _, *parameters = content_type.decode("latin-1").lower().split(";")
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name.strip() == "header":
            said = value.strip().strip('"')
            if said not in ("present", "absent"):
                raise UnsupportedMediaType(f"header={shortened(said)} is neither header=present nor header=absent")
            return said == "present"
    return None


@lru_cache(maxsize=64)
def _kind(content_type: bytes) -> Literal["json", "csv", "npy", "arrow", "form", "plain"]:
    text = content_type.decode("latin-1").lower()
    media_type, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in CHARSETS:
            raise UnsupportedMediaType(f"charset {shortened(value.strip())!r} is not taken, only {SUPPORTED}")
    if media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json")):
        return "json"
    if media_type == "text/csv":
        return "csv"
    if media_type == "text/plain":
        return "plain"
    if media_type == NPY:
        return "npy"
    if media_type == ARROW:
        return "arrow"
    if media_type == "application/x-www-form-urlencoded":
        return "form"
    raise UnsupportedMediaType(f"content type {shortened(media_type)!r} is not taken, only {SUPPORTED}")
