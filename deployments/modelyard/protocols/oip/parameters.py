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

PARAMETER, BASE64 = "content_type", "base64"
"""A tensor's parameter, and the one value of it that says something beyond the datatype: `str`, `np`, `pd` and `datetime` are what
is expected anyway."""
SEQUENCE_PARAMETERS = ("sequence_id", "sequence_start", "sequence_end")
"""In a request, the values 0, "" and false mean that it belongs to no sequence."""


def of_base64(name: str, array: Array) -> Array:
    """The values that these are the base64 of. Raises InvalidRequest."""
    decoded = np.empty(array.shape, object)
    flat = decoded.reshape(-1)
    for index, value in enumerate(array.ravel().tolist()):
        try:
            flat[index] = text_or_bytes(b64decode(value, validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise InvalidRequest(f"input {name!r}: value {index} is not base64, as its content_type says") from None
    return decoded


def check_no_sequence(given: Iterable[tuple[str, object]]) -> None:
    """Refuse a request that is part of a sequence: a model would answer it as if none had come before.

    `given` are its parameters. Raises InvalidRequest.
    """
    for name, value in given:
        if name in SEQUENCE_PARAMETERS and value:
            raise InvalidRequest(
                f"parameter {name!r}: sequences are not supported; models here keep no state between requests"
            )
