"""An operator's module, imported from a version's own files and from nowhere else.

Each version has its files in a private folder and its modules under a private name, so that two versions with a `model.py`, or a
`features.py` beside it, never meet in `sys.modules`.
"""

import importlib
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from deployments.runtimes.base import Files, LoadError


class PrivateFolder:
    """The files on disk for as long as this object lives."""

    def __init__(self, files: Files) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="modelyard-model-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def import_module(self, name: str) -> ModuleType:
        """Import a module of the folder; what it imports from beside itself is its own copy too."""
        with self._first_on_path() as before, operators_errors(self.path, f"importing {name}"):
            module = importlib.import_module(name)
            origin = Path(module.__file__ or "")
            if not origin.is_relative_to(self.path):
                raise LoadError(f"the version has no module {name}; {name} is {origin}")
        # What came from this folder leaves the shared table; functions keep their modules alive.
        for key in [key for key, each in sys.modules.items() if key not in before and self._owns(each)]:
            del sys.modules[key]
        return module

    def _owns(self, module: ModuleType) -> bool:
        origin = getattr(module, "__file__", None)
        return origin is not None and Path(origin).is_relative_to(self.path)

    @contextmanager
    def _first_on_path(self) -> Iterator[frozenset[str]]:
        sys.path.insert(0, str(self.path))
        importlib.invalidate_caches()
        try:
            yield frozenset(sys.modules)
        finally:
            sys.path.remove(str(self.path))


@contextmanager
def operators_errors(folder: Path, doing: str) -> Iterator[None]:
    """What the operator's code raises becomes a LoadError with the operator's file and line."""
    try:
        yield
    except LoadError:
        raise
    except Exception as error:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(folder))]
        place = f" at {Path(own[-1].filename).relative_to(folder)}:{own[-1].lineno}" if own else ""
        if isinstance(error, SyntaxError) and error.filename:
            place = f" at {Path(error.filename).name}:{error.lineno}"
        text = f": {error}" if str(error) else ""
        raise LoadError(f"{doing} failed{place}: {type(error).__name__}{text}") from error
