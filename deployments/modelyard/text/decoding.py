"""Bytes that may be text: a body, and a value of the datatype BYTES."""

from modelyard.errors import InvalidRequest


def text_of(body: bytes) -> str:
    """The body as text, without a byte order mark. Raises InvalidRequest with the line that is not UTF-8."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
    raise InvalidRequest(f"the body is not UTF-8 (line {line})")


def text_or_bytes(value: bytes) -> str | bytes:
    """What models get for a value of the datatype BYTES: a `str` where it is UTF-8, however it was written in the request and
    whatever other values are in it; else the bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
