"""The little of protobuf's encoding that is written by hand: fields of bytes. Pure.

Source: https://protobuf.dev/programming-guides/encoding/
"""

RAW_INPUT = b"\x3a"
"""Field 7 of ModelInferRequest, `raw_input_contents`, as a tag: the number times 8, and 2 for bytes behind their length."""
ID = b"\x1a"
"""Field 3 of ModelInferResponse, `id`."""
RAW_OUTPUT = b"\x32"
"""Field 6 of ModelInferResponse, `raw_output_contents`."""


def field_head(tag: bytes, size: int) -> bytes:
    """What stands before so many bytes of a field."""
    if size < 0x80:  # most
        return tag + size.to_bytes()
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return tag + length
