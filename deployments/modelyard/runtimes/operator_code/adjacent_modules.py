"""The modules next to an artefact, for the objects in it that use them."""

import weakref
from contextlib import AbstractContextManager

from modelyard.runtimes.base import Files
from modelyard.runtimes.operator_code.folder import PrivateFolder
from modelyard.runtimes.operator_code.package import PrivatePackage, top_modules


class AdjacentModules:
    """A version's modules and data files, importable while this object exists."""

    def __init__(self, files: Files) -> None:
        self._folder = PrivateFolder(files)
        self._package = PrivatePackage(self._folder.path, files)
        weakref.finalize(self, self._package.forget).atexit = False  # the model's own threads may still run at exit

    @property
    def modules(self) -> frozenset[str]:
        """The names that can be imported."""
        return self._package.modules

    def plain_names(self, timeout_s: float) -> AbstractContextManager[None]:
        """For this block, every import finds the modules by their plain names, those that the artefact was saved with.

        `timeout_s` is the model's `load_timeout_s`.
        """
        return self._package.plain_names(timeout_s)

    def own_name(self, name: str) -> str:
        """A module's name without the prefix of the private package."""
        return name.removeprefix(f"{self._package.name}.")

    def place(self, error: BaseException) -> str:
        """ " at features.py:12": the innermost line of these modules in the error's traceback, or nothing."""
        return self._folder.place(error)


def adjacent_modules(files: Files, artefact: str) -> AdjacentModules | None:
    """The modules in a version's folder; None if there are none. The artefact itself is not written to the disk."""
    others = {path: content for path, content in files.items() if path != artefact}
    return AdjacentModules(others) if top_modules(others) else None
