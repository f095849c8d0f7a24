"""Loads pickles that joblib, pickle or other tools wrote and compressed.

Loading a pickle runs any code in it: callers check that the operator trusts the file.
"""

import bz2
import gzip
import importlib
import io
import lzma
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import joblib


class NotAPickle(Exception):
    """The bytes are not a pickle. Its argument says what they are, worded to follow the file's name."""


def _lz4(content: bytes) -> bytes:
    try:
        frame = importlib.import_module("lz4.frame")
    except ModuleNotFoundError:
        raise NotAPickle(
            "is compressed with lz4, which is not installed: pip install lz4, or save the model with gzip"
        ) from None
    return bytes(frame.decompress(content))


_DECOMPRESS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"x": zlib.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"]\x00": lzma.decompress,
    b"\x04\x22M\x18": _lz4,
}
"""By the first bytes. No pickle begins with any of these."""
_NOT_PICKLES = {
    b"PK\x03\x04": "a zip archive (PyTorch and skops write such files)",
    b"\x89HDF": "an HDF5 file (Keras and pandas write them)",
    b"\x28\xb5\x2f\xfd": "compressed with zstd, which joblib does not read",
    b"GGUF": "a llama.cpp model",
    b"ZF": "compressed in the format of joblib before 0.10: load it with such a version, and save it again with a current one",
    b"PAR1": "a Parquet file",
    b"\x93NUMPY": "a numpy array",
}
_MADE_BY_JOBLIB = b"joblib.numpy_pickle"
"""The module of the placeholder class for an array whose bytes follow the pickle."""


def uncompressed(content: bytes) -> bytes:
    """The bytes of the pickle. Raises NotAPickle."""
    for magic, what in _NOT_PICKLES.items():
        if content.startswith(magic):
            raise NotAPickle(f"is not a pickle: it is {what}")
    for magic, decompress in _DECOMPRESS.items():
        if content.startswith(magic):
            try:
                return decompress(content)
            except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise NotAPickle(f"is damaged or incomplete: copy it again ({error})") from error
    return content


def load(plain: bytes) -> Any:
    """The object in an uncompressed pickle. Raises what unpickling raises."""
    if _MADE_BY_JOBLIB in plain:
        return joblib.load(io.BytesIO(plain))
    return pickle.loads(plain)  # noqa: S301 - see above
