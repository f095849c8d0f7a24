"""The versions of scikit-learn that made a model, and whether the installed one can serve it."""

import re
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from sklearn import __version__
from sklearn.exceptions import InconsistentVersionWarning

INSTALLED: str = __version__
_MINOR = re.compile(r"\d+\.\d+")
_NAMED = re.compile(rb"_sklearn_version.{1,250}?(\d+\.\d+(?:\.\w+)*)", re.DOTALL)
"""The name of the attribute, then bytes of the pickle or of skops' JSON, then its value."""


_lock = threading.Lock()
_found: dict[int, set[str]] = {}
"""Of the blocks that run, by thread."""
_filters = ExitStack()
"""Restores the filters of the process after the last block."""


@contextmanager
def other_versions() -> Iterator[set[str]]:
    """The versions of scikit-learn, other than the installed one, that made the estimators that this block loads.

    Blocks of several threads may overlap: a load that takes long does not stop others.
    """
    thread, found = threading.get_ident(), set[str]()
    with _lock:
        if not _found:
            _filters.enter_context(warnings.catch_warnings())
            warnings.simplefilter("always", InconsistentVersionWarning)
            warnings.showwarning = partial(_show, warnings.showwarning)
        _found[thread] = found
    try:
        yield found
    finally:
        with _lock:
            del _found[thread]
            if not _found:
                _filters.close()


def _show(show: Callable[..., None], message: Warning | str, *place: Any, **keys: Any) -> None:
    """Replaces `warnings.showwarning`, which is `show`."""
    found = _found.get(threading.get_ident())
    if found is not None and isinstance(message, InconsistentVersionWarning):
        found.add(str(message.original_sklearn_version))
    else:
        show(message, *place, **keys)


def versions_in(content: bytes) -> set[str]:
    """The versions, other than the installed one, that a pickle or a skops file names; for files that cannot be loaded."""
    return {match.decode() for match in _NAMED.findall(content)} - {INSTALLED}


def other_minors(versions: Collection[str]) -> list[str]:
    """The versions that may give different results: those with another major or minor number."""
    return sorted_versions(version for version in versions if _minor(version) != _minor(INSTALLED))


def sorted_versions(versions: Collection[str] | Iterator[str]) -> list[str]:
    """By number: 1.9.1 before 1.10.0."""
    return sorted(versions, key=lambda version: ([int(part) for part in re.findall(r"\d+", version)], version))


def _minor(version: str) -> str:
    match = _MINOR.match(version)
    return match.group() if match else version
