"""Request parameters that other servers define: MLServer's content types, and Triton's sequences, which are rejected.

Sources: https://github.com/SeldonIO/MLServer/blob/master/docs/user-guide/content-type.md and
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_sequence.md
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.tensors import Array
from modelyard.text.decoding import text_or_bytes

CONTENT_TYPE, BASE64 = "content_type", "base64"
"""A tensor's parameter, and its one value that has an effect. `str`, `np`, `pd` and `datetime` describe the default."""
SEQUENCE_PARAMETERS = ("sequence_id", "sequence_start", "sequence_end")
"""In a request, the values 0, "" and false mean that it belongs to no sequence."""


def decode_base64(name: str, array: Array) -> Array:
    """Decode base64 values. Raises InvalidRequest."""
    decoded = np.empty(array.shape, object)
    flat = decoded.reshape(-1)
    for index, value in enumerate(array.ravel().tolist()):
        try:
            flat[index] = text_or_bytes(b64decode(value, validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise InvalidRequest(f"input {name!r}: value {index} is not base64, as its content_type requires") from None
    return decoded


def check_no_sequence(parameters: Iterable[tuple[str, object]]) -> None:
    """Raise InvalidRequest if the parameters say that a request is part of a sequence: models keep no state between requests."""
    for name, value in parameters:
        if name in SEQUENCE_PARAMETERS and value:
            raise InvalidRequest(
                f"parameter {name!r}: sequences are not supported; models here keep no state between requests"
            )
