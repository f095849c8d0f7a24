"""Which scikit-learn made a model, and whether the one that is installed may serve it."""

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
    """The versions of scikit-learn, other than this one, that made the estimators which are read meanwhile."""
    found: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        try:
            yield found
        finally:
            told = [each.message for each in caught if isinstance(each.message, InconsistentVersionWarning)]
            found.update(str(each.original_sklearn_version) for each in told)
    for other in caught:
        if other.message not in told:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


def versions_in(content: bytes) -> set[str]:
    """The versions, other than this one, that a pickle or a skops file names; for one that cannot be read."""
    return {match.decode() for match in _NAMED.findall(content)} - {INSTALLED}


def other_minors(versions: Collection[str]) -> list[str]:
    """Those of the versions that may answer differently: their major or minor number is another."""
    return sorted_versions(version for version in versions if _minor(version) != _minor(INSTALLED))


def sorted_versions(versions: Collection[str] | Iterator[str]) -> list[str]:
    """By number: 1.9.1 before 1.10.0."""
    return sorted(versions, key=lambda version: ([int(part) for part in re.findall(r"\d+", version)], version))


def _minor(version: str) -> str:
    match = _MINOR.match(version)
    return match.group() if match else version
