"""A decoding job, and how it and its result are sent between the replica and the decoder process."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, BinaryIO

from modelyard.protocols.codecs import Codecs

_CODECS = {name: attrgetter(name) for name in Codecs.__slots__}


LARGE_BYTES = 2**20
"""Longer bodies are decoded in a separate process. Its start takes 300 ms, so it is not used for bodies that need less."""


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A codec's method (such as `predict.decode`), the body, and further arguments."""

    method: str
    body: bytes
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    raw_bytes: int = 0
    """Bytes of the body that are raw contents, and not parsed."""

    @property
    def is_large(self) -> bool:
        """Whether a separate process should decode it."""
        return len(self.body) - self.raw_bytes > LARGE_BYTES

    def run(self, codecs: Codecs) -> Any:
        """The decoded request. Raises the codec's errors."""
        return attrgetter(self.method)(codecs)(self.body, *self.args, **self.kwargs)


def write(pipe: BinaryIO, value: Any, codecs: Codecs) -> None:
    """Write a picklable value. A codec that it refers to is written as its name."""
    names = {id(codec_of(codecs)): name for name, codec_of in _CODECS.items()}

    class Writer(pickle.Pickler):
        def persistent_id(self, value: Any) -> str | None:
            return names.get(id(value))

    Writer(pipe, pickle.HIGHEST_PROTOCOL).dump(value)
    pipe.flush()


def read(pipe: BinaryIO, codecs: Codecs) -> Any:
    """Read a value that the other process wrote, with this process's codecs in place of its own.

    Raises EOFError if the other process has ended.
    """

    class Reader(pickle.Unpickler):
        def persistent_load(self, name: str) -> Any:
            return _CODECS[name](codecs)

    return Reader(pipe).load()  # this package writes both ends
