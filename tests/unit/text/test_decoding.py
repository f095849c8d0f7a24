"""Bytes that may be text: bodies, and values of the datatype BYTES."""

import pytest

from modelyard.errors import InvalidRequest
from modelyard.text.decoding import decode_body, text_or_bytes


def test_a_body_is_decoded_without_its_byte_order_mark():
    assert decode_body(b"\xef\xbb\xbf{}") == decode_body(b"{}") == "{}"


@pytest.mark.parametrize(
    ("body", "line"),
    [(b"\xff", 1), (b"a\n\xff", 2), (b"\n\nab\xff", 3), (b"a\xff\n\n", 1), ("é\n".encode() + b"\xff\n", 2)],
)
def test_the_error_names_the_first_line_that_is_not_utf8(body, line):
    with pytest.raises(InvalidRequest, match=rf"^the body is not UTF-8 \(line {line}\)$"):
        decode_body(body)


def test_a_value_is_a_text_only_if_it_is_utf8():
    assert text_or_bytes("é".encode()) == "é"
    assert text_or_bytes(b"\xe9") == b"\xe9"
