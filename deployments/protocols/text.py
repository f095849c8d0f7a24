"""The text of a body."""

from deployments.errors import InvalidRequest


def text_of(body: bytes) -> str:
    """The body as text, without a byte order mark. Raises InvalidRequest with the line that is not UTF-8."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
    raise InvalidRequest(f"the body is not UTF-8 (line {line})")
