"""An operator's modules, imported from a version's own files.

Each version's files become a package under a private name. Its modules import each other as if their folder were on `sys.path`, but
other code does not see them: two versions with a `model.py` or a `features.py` do not conflict in `sys.modules`.

Other threads import at the same time, and a package is forgotten in any thread. So `sys.modules` is copied before it is searched,
and `sys.meta_path` has the same finders all the time: an import that iterates over it would skip one if another thread removed one.
"""

import builtins
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, all_suffixes
from itertools import count
from math import inf
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

_numbers = count(1)
PREFIX = "_modelyard_model_"
_SHARED = sys.stdlib_module_names | {"__main__"}
"""Names that mean the same in all threads at all times: other models and the server may import them while a model loads."""
_FORGOTTEN: list[str] = []
"""Folders of packages that were forgotten, which the import system may still know."""


class AmbiguousModule(ImportError):
    """Two models that load at the same time have a module of this plain name. `import` statements in them find their own."""


class PrivatePackage:
    """A folder of modules under a unique name."""

    def __init__(self, folder: Path, files: Iterable[str]) -> None:
        _clear_importer_cache()
        self.name = f"{PREFIX}{next(_numbers)}"
        self.modules = top_modules(files)
        self._folder = folder
        self._plain = False
        self.thread, self.until = 0, 0.0
        """Those of `plain_names`."""
        self._path = [str(folder)]
        """Folders of modules: also those that the modules have put on `sys.path`."""
        package = ModuleType(self.name)
        package.__path__ = self._path
        sys.modules[self.name] = package
        _PRIVATE.builtins[self.name] = {**vars(builtins), "__import__": self._import}

    def import_module(self, name: str) -> ModuleType:
        """The module of this name in the folder; raises what the module raises."""
        return importlib.import_module(f"{self.name}.{name}")

    @contextmanager
    def plain_names(self, timeout_s: float = inf) -> Iterator[None]:
        """For this block, every import finds these modules by their plain names: a pickle refers to modules by those.

        After `timeout_s`, only those in this thread do: nothing uses the result of the load then.
        Modules with names of the standard library are found by `import` statements in these modules only.
        """
        others = {
            name: module
            for name, module in self._remove_plain_modules().items()
            if not getattr(module, "__name__", "").startswith(PREFIX)  # of another load, which may end before this one
        }
        _PLAIN.packages = (self, *_PLAIN.packages)
        self.thread, self.until = threading.get_ident(), monotonic() + timeout_s
        self._plain = True
        try:
            yield
        finally:
            self._plain = False
            _PLAIN.packages = tuple(each for each in _PLAIN.packages if each is not self)
            self._remove_plain_modules()
            sys.modules.update(others)
            own = self._own_search_path()
            sys.path[:] = [path for path in sys.path if path not in own]  # they are not for other models

    def adopt(self, top: str) -> bool:
        """Whether a top-level module is in a folder that these modules have put on `sys.path`. Then it is one of these modules."""
        own = self._own_search_path()
        self._path += [path for path in own if path not in self._path]
        if len(self._path) == 1:
            return False
        spec = PathFinder.find_spec(top, None if own else self._path)  # an installed module may come first
        places = [spec.origin, *(spec.submodule_search_locations or ())] if spec is not None else []
        if any(place and Path(place).is_relative_to(self._folder) for place in places):
            self.modules |= {top}
        return top in self.modules

    def _own_search_path(self) -> list[str]:
        """Folders of these files that are on `sys.path`."""
        return [
            path
            for path in list(sys.path)
            if path.startswith(str(self._folder))
            and Path(os.path.normpath(path)).is_relative_to(self._folder)
            and Path(path).is_dir()
        ]

    def _remove_plain_modules(self) -> dict[str, ModuleType]:
        """Remove all modules with the same plain names from `sys.modules`, and return them."""
        own = self.modules - _SHARED
        names = [name for name in _imported() if name.partition(".")[0] in own]
        return {name: sys.modules.pop(name) for name in names}

    def forget(self) -> None:
        """Remove what the import system stores of these modules, after the model is released."""
        del _PRIVATE.builtins[self.name]
        for name in _imported():
            if name.partition(".")[0] == self.name:
                del sys.modules[name]
        _FORGOTTEN.append(str(self._folder))

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """The `__import__` of these modules: it finds modules of the same folder first."""
        top = name.partition(".")[0]
        if level or not (top in self.modules or (top not in sys.modules and self.adopt(top))):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = builtins.__import__(f"{self.name}.{name}", globals, locals, fromlist, 0)
        if self._plain and top not in _SHARED:
            with suppress(AmbiguousModule):
                builtins.__import__(name)  # pickle imports through its caller's builtins, then reads sys.modules
        # `import a.b` binds a; `from a.b import c` needs the module a.b itself.
        return module if fromlist else sys.modules[f"{self.name}.{top}"]


def _clear_importer_cache() -> None:
    """The import system stores a finder for each folder that it has searched, and nothing else removes them.

    Not done in `forget`: a garbage collection may call it at any time, also in the middle of an iteration over this dict.
    """
    while _FORGOTTEN:
        folder = _FORGOTTEN.pop()
        for path in [each for each in list(sys.path_importer_cache) if each.startswith(folder)]:
            sys.path_importer_cache.pop(path, None)


def _imported() -> list[str]:
    """The names of all modules, as a copy: another model's thread may import one at any time."""
    return list(sys.modules)


def plain_name(module: str) -> str:
    """A module's name without the prefix of its private package."""
    return module.partition(".")[2] or module if module.startswith(PREFIX) else module


def top_modules(files: Iterable[str]) -> frozenset[str]:
    """The top-level modules of a folder with these files: `features.py`, `shared/clean.py` -> features, shared."""
    suffixes = tuple(all_suffixes())
    return frozenset(file.replace(".", "/").split("/")[0] for file in files if file.endswith(suffixes))


class _PrivateNames(MetaPathFinder):
    """Finds the modules of all packages by their private names, and replaces their builtins."""

    def __init__(self) -> None:
        self.builtins: dict[str, dict[str, Any]] = {}
        """Of the modules in each package, by its name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, module = fullname.partition(".")
        names = self.builtins.get(package) if module else None
        if names is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _PrivateLoader(fullname, spec.loader.path, names)
        return spec


class _PrivateLoader(SourceFileLoader):
    """Runs a module with other builtins: an `import` statement calls the `__import__` that it finds there."""

    def __init__(self, fullname: str, path: str, names: dict[str, Any]) -> None:
        super().__init__(fullname, path)
        self._names = names

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._names
        super().exec_module(module)


class _PlainNames(MetaPathFinder):
    """Finds modules by their plain names: the same modules, not copies."""

    def __init__(self) -> None:
        self.packages: tuple[PrivatePackage, ...] = ()
        """Those in `plain_names`, the latest first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in _SHARED:
            return None
        thread, now = threading.get_ident(), monotonic()
        packages = [
            each
            for each in self.packages
            if (each.thread == thread or each.until > now) and (top in each.modules or (not path and each.adopt(top)))
        ]
        if len(packages) > 1:  # `sys.modules` has one module of this name for all threads
            raise AmbiguousModule(f"another model that loads at the same time has a module {top!r}, too", name=top)
        return ModuleSpec(fullname, _PlainLoader(packages[0])) if packages else None


class _PlainLoader(Loader):
    """Loads a package's modules for their plain names."""

    def __init__(self, package: PrivatePackage) -> None:
        self._package = package

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = self._package.import_module(spec.name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already. This restores its spec: the import system has replaced it with that of the plain name."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


_PRIVATE, _PLAIN = _PrivateNames(), _PlainNames()
sys.meta_path[:0] = [_PLAIN, _PRIVATE]
