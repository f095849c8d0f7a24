"""Decodes bytes that may be text: request bodies, and values of the datatype BYTES."""

from modelyard.errors import InvalidRequest


def decode_body(body: bytes) -> str:
    """The body as text, without a byte order mark. Raises InvalidRequest with the number of the line that is not UTF-8."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
    raise InvalidRequest(f"the body is not UTF-8 (line {line})")


def text_or_bytes(value: bytes) -> str | bytes:
    """A BYTES value as models receive it: a `str` if it is UTF-8, otherwise the bytes.

    Neither the encoding of the request nor the other values of the input make a difference.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
