"""A version's files on disk for an operator's code, and the file and line of errors in that code.

Ray ends replicas without running their exit functions, so a folder may outlive its process. Each process locks the folders that it
creates, and a process that creates a folder removes those that no process has locked.
"""

import fcntl
import os
import shutil
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.runtimes.base import Files, LoadError

PREFIX = "modelyard-model-"
PARENT = Path(tempfile.gettempdir())
"""Read once: a model may set `tempfile.tempdir` to a folder that is removed with it."""
LOCK_GRACE_S = 60.0
"""Folders younger than this are not removed: their processes may not have locked them yet."""
COPIES: dict[str, str] = {}
"""Folders of this process, with the folder in the repository that each is a copy of."""
_loading = threading.local()


@contextmanager
def copies_of(original: Path) -> Iterator[None]:
    """For this block, record the folders that this thread creates as copies of `original`."""
    _loading.original = str(original)
    try:
        yield
    finally:
        _loading.original = ""


def with_original_paths(text: str) -> str:
    """The text with the repository's paths in place of the copies' paths, so that operators find the files."""
    if PREFIX in text:
        for copy, original in list(COPIES.items()):
            text = text.replace(copy, original)
    return text


class PrivateFolder:
    """The files, while this object exists. They are removed when the process ends, or by a later process if this one was killed."""

    def __init__(self, files: Files) -> None:
        remove_abandoned(PARENT, time.time())
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT)).resolve()
        lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        weakref.finalize(self, _remove, self.path, lock)
        if original := getattr(_loading, "original", ""):
            COPIES[str(self.path)] = original
            weakref.finalize(self, COPIES.pop, str(self.path), None)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Convert exceptions of the operator's code to LoadError, with the file and line in the operator's code."""
        try:
            yield
        except LoadError:
            raise
        except MemoryError as error:  # Python's MemoryError has no message
            memory = "out of memory (resources.memory is the model's limit)"
            raise LoadError(f"{doing} failed{self.place(error)}: {memory}") from error
        except (Exception, SystemExit) as error:
            text = error.msg if isinstance(error, SyntaxError) else str(error)
            reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
            raise LoadError(f"{doing} failed{self.place(error)}: {reason}") from error

    def place(self, error: BaseException) -> str:
        """ " at model.py:12": the innermost line of the operator's own."""
        frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            frames.append((error.filename or "", error.lineno))
        own = [(Path(file), line) for file, line in frames if Path(file).is_relative_to(self.path)]
        return f" at {own[-1][0].relative_to(self.path)}:{own[-1][1]}" if own else ""


def remove_abandoned(parent: Path, now_s: float) -> None:
    """Remove the folders of processes that have ended. `now_s` is in seconds since the epoch, the unit of file times."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            if now_s - path.stat().st_mtime < LOCK_GRACE_S:
                continue
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # it belongs to another user or was just removed
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # it is in use
            os.close(lock)
        else:
            _remove(path, lock)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
