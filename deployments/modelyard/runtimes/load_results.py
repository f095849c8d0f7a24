"""What the checks of a load found, for the next load of the same files with the same settings in this process.

A pool loads a model again after it was evicted. Checks that take longer than the load itself are not repeated if their results
depend on the files, the settings and the installed packages alone. Measured durations are reused, too.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

MAX_LOADS = 4096
"""Loads whose results are kept; those of the oldest are dropped."""


class _Current(threading.local):
    results: dict[str, Any] | None = None


class LoadResults:
    """The results of one process. A load runs in one thread from beginning to end."""

    def __init__(self) -> None:
        self._by_load: dict[Hashable, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._current = _Current()

    @contextmanager
    def of(self, load: Hashable) -> Iterator[None]:
        """Use the results of this load in the block. `load` identifies files and settings; None: no results are kept."""
        self._current.results = None if load is None else self._of(load)
        try:
            yield
        finally:
            self._current.results = None

    def once(self, name: str, compute: Callable[[], T], *, keep: Callable[[T], bool] = lambda _: True) -> T:
        """The result of this name, computed if there is none. It is kept if `keep` allows it; an error is not."""
        results = self._current.results
        if results is None:
            return compute()
        if name in results:
            known: T = results[name]
            return known
        result = compute()
        if keep(result):
            results[name] = result
        return result

    def get(self, name: str) -> Any:
        """The result of this name; None if there is none."""
        return (self._current.results or {}).get(name)

    def _of(self, load: Hashable) -> dict[str, Any]:
        with self._lock:
            results = self._by_load.pop(load, {})
            self._by_load[load] = results
            if len(self._by_load) > MAX_LOADS:
                del self._by_load[next(iter(self._by_load))]
        return results


RESULTS = LoadResults()
"""Those of this process."""
