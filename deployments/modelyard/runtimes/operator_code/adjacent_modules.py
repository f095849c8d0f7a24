"""The modules that stand beside an artefact, for the objects in it that use them."""

import weakref
from contextlib import AbstractContextManager

from modelyard.runtimes.base import Files
from modelyard.runtimes.operator_code.folder import PrivateFolder
from modelyard.runtimes.operator_code.package import PrivatePackage, top_modules


class AdjacentModules:
    """A version's modules and data files, importable as long as this object lives."""

    def __init__(self, files: Files) -> None:
        self._folder = PrivateFolder(files)
        self._package = PrivatePackage(self._folder.path, files)
        weakref.finalize(self, self._package.forget).atexit = False  # threads of the model's own may still run then

    @property
    def modules(self) -> frozenset[str]:
        """The names that can be imported."""
        return self._package.modules

    def plain_names(self) -> AbstractContextManager[None]:
        """For a while, everyone finds the modules by the names that they had where the artefact was made."""
        return self._package.plain_names()

    def own_name(self, name: str) -> str:
        """A module's name as its files have it, without the private package's."""
        return name.removeprefix(f"{self._package.name}.")

    def place(self, error: BaseException) -> str:
        """ " at features.py:12": the innermost line of these modules in the error's traceback, or nothing."""
        return self._folder.place(error)


def adjacent_modules(files: Files, artefact: str) -> AdjacentModules | None:
    """The code in a version's folder, if there is any. The artefact itself is not written to the disk."""
    others = {path: content for path, content in files.items() if path != artefact}
    return AdjacentModules(others) if top_modules(others) else None
