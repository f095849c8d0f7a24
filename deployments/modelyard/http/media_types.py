"""The format of a request body, from its content type."""

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
    """The body's format; JSON if there is no content type. Raises UnsupportedMediaType.

    curl and HTML forms send application/x-www-form-urlencoded by default, and browsers' `fetch` sends a string as text/plain.
    Both count as JSON if the body begins as a JSON object does: no form of a browser begins with a brace. The edge accepts such
    bodies only from web pages of listed origins.
    """
    if content_type in (b"application/json", b""):
        return "json"
    kind = _kind(content_type)
    if kind == "plain":
        _check_object(body, f"text/plain is supported only for a JSON object; otherwise send {SUPPORTED}")
        return "json"
    if kind == "form":
        curl = "curl sends this type by default; set another with -H 'content-type: text/csv'"
        _check_object(
            body, f"content type application/x-www-form-urlencoded is not supported, only {SUPPORTED}; {curl}"
        )
        return "json"
    return kind


def _check_object(body: bytes, message: str) -> None:
    if body.removeprefix(BOM_UTF8).lstrip(BLANKS)[:1] != b"{":
        raise UnsupportedMediaType(message)


@lru_cache(maxsize=64)
def csv_header(content_type: bytes) -> bool | None:
    """Whether the first line of CSV is a header, from the parameter `header` (RFC 4180); None if there is none.

    Raises UnsupportedMediaType if its value is neither `present` nor `absent`.
    """
    _, *parameters = content_type.decode("latin-1").lower().split(";")
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name.strip() == "header":
            stated = value.strip().strip('"')
            if stated not in ("present", "absent"):
                raise UnsupportedMediaType(f"header={shortened(stated)} is neither header=present nor header=absent")
            return stated == "present"
    return None


@lru_cache(maxsize=64)
def _kind(content_type: bytes) -> Literal["json", "csv", "npy", "arrow", "form", "plain"]:
    text = content_type.decode("latin-1").lower()
    media_type, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in CHARSETS:
            raise UnsupportedMediaType(f"charset {shortened(value.strip())!r} is not supported, only {SUPPORTED}")
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
    raise UnsupportedMediaType(f"content type {shortened(media_type)!r} is not supported, only {SUPPORTED}")
