"""A version's files on disk for an operator's code, and whose fault an error in it is."""

import shutil
import tempfile
import traceback
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.runtimes.base import Files, LoadError


class PrivateFolder:
    """The files, for as long as this object lives; removed when the process ends at the latest."""

    def __init__(self, files: Files) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="modelyard-model-")).resolve()
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """What the operator's code raises becomes a LoadError with the operator's file and line."""
        try:
            yield
        except LoadError:
            raise
        except MemoryError as error:  # Python's own says nothing at all
            memory = "out of memory (resources.memory is what the model may take)"
            raise LoadError(f"{doing} failed{self._place(error)}: {memory}") from error
        except (Exception, SystemExit) as error:
            text = error.msg if isinstance(error, SyntaxError) else str(error)
            said = f"{type(error).__name__}: {text}" if text else type(error).__name__
            raise LoadError(f"{doing} failed{self._place(error)}: {said}") from error

    def _place(self, error: BaseException) -> str:
        """ " at model.py:12": the innermost line of the operator's own."""
        frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            frames.append((error.filename or "", error.lineno))
        own = [(Path(file), line) for file, line in frames if Path(file).is_relative_to(self.path)]
        return f" at {own[-1][0].relative_to(self.path)}:{own[-1][1]}" if own else ""
