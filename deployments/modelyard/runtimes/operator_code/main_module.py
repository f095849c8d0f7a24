"""An empty `__main__` for pickles, so that a name in `__main__` never resolves to a name of the server's program."""

import sys
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


@contextmanager
def empty_main() -> Iterator[None]:
    """For this block, `__main__` is an empty module, which raises MainModuleReference for each name that is looked up in it.

    Only names in a pickle are looked up through `sys.modules`; the running program keeps its own globals.
    """
    own = sys.modules["__main__"]
    sys.modules["__main__"] = _EmptyMain("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = own
