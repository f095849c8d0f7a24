"""MLServer's content types: what a BYTES tensor's values stand for. Pure.

Source: https://github.com/SeldonIO/MLServer/blob/master/docs/user-guide/content-type.md
"""

import binascii
from base64 import b64decode

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.tensors import Array
from modelyard.text.decoding import text_or_bytes

PARAMETER, BASE64 = "content_type", "base64"
"""A tensor's parameter, and the one value of it that says something beyond the datatype: `str`, `np`, `pd` and `datetime` are what
is expected anyway."""


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
