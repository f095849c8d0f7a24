"""The versions of scikit-learn that made a model, and whether the installed one can serve it."""

import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sklearn import __version__
from sklearn.exceptions import InconsistentVersionWarning

INSTALLED: str = __version__
_MINOR = re.compile(r"\d+\.\d+")
_NAMED = re.compile(rb"_sklearn_version.{1,250}?(\d+\.\d+(?:\.\w+)*)", re.DOTALL)
"""The name of the attribute, then bytes of the pickle or of skops' JSON, then its value."""


@contextmanager
def other_versions() -> Iterator[set[str]]:
    """The versions of scikit-learn, other than the installed one, that made the estimators that this block loads."""
    found: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        try:
            yield found
        finally:
            matching = [each.message for each in caught if isinstance(each.message, InconsistentVersionWarning)]
            found.update(str(each.original_sklearn_version) for each in matching)
    for other in caught:
        if other.message not in matching:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


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
