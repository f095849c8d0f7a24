"""The decoding of one body as it travels to another process, and the call that comes back."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, BinaryIO

from modelyard.protocols.codecs import Codecs

_OWN = {name: attrgetter(name) for name in Codecs.__slots__}


LARGE_BYTES = 2**20
"""Longer bodies are decoded in a process of their own. To start that takes 300 ms, so it is not for what is read in less."""


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A codec's method (`predict.decode`), the body, and what else the method takes."""

    method: str
    body: bytes
    others: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    raw_bytes: int = 0
    """Of the body, those that are not parsed, as they are the values themselves."""

    @property
    def large(self) -> bool:
        """Whether it is worth another process."""
        return len(self.body) - self.raw_bytes > LARGE_BYTES

    def run(self, codecs: Codecs) -> Any:
        """The decoded call. Raises what the codec does."""
        return attrgetter(self.method)(codecs)(self.body, *self.others, **self.options)


def write(pipe: BinaryIO, value: Any, codecs: Codecs) -> None:
    """Write a call, or anything that pickle takes. Of a codec that it refers to, its name is written."""
    names = {id(own(codecs)): name for name, own in _OWN.items()}

    class Writer(pickle.Pickler):
        def persistent_id(self, value: Any) -> str | None:
            return names.get(id(value))

    Writer(pipe, pickle.HIGHEST_PROTOCOL).dump(value)
    pipe.flush()


def read(pipe: BinaryIO, codecs: Codecs) -> Any:
    """What `write` wrote at the other end, with this process's codecs in the place of that one's. EOFError where that has ended."""

    class Reader(pickle.Unpickler):
        def persistent_load(self, name: str) -> Any:
            return _OWN[name](codecs)

    return Reader(pipe).load()  # both ends are ours
