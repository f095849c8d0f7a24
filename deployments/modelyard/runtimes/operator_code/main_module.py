"""An empty `__main__` for pickles, so that a name in `__main__` never resolves to a name of the server's program."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


class MainModuleReference(Exception):
    """A pickle refers to a name that the notebook or script that wrote it defined in `__main__`. Its argument is the name."""


class _EmptyMain(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MainModuleReference(name)


_lock = threading.Lock()
_own: list[ModuleType] = []
"""The program's, while there is another one."""
_in_use: list[ModuleType] = []


@contextmanager
def empty_main() -> Iterator[None]:
    """For this block, `__main__` is an empty module, which raises MainModuleReference for each name that is looked up in it.

    Only names in a pickle are looked up through `sys.modules`; the running program keeps its own globals. Blocks of several threads
    may overlap.
    """
    empty = _EmptyMain("__main__")
    with _lock:
        if not _in_use:
            _own.append(sys.modules["__main__"])
        _in_use.append(empty)
        sys.modules["__main__"] = empty
    try:
        yield
    finally:
        with _lock:
            _in_use.remove(empty)
            sys.modules["__main__"] = _in_use[-1] if _in_use else _own.pop()
