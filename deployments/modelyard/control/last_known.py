"""A cached value whose fetch may be slow: a caller waits a moment for a fresh one, and else gets the last one."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LastKnown(Generic[T]):
    """One fetch at a time, in a thread of its own. A fetch that raises leaves the value unchanged."""

    def __init__(self, fetch: Callable[[T], T], first: T) -> None:
        """`fetch` gets the last value."""
        self._fetch = fetch
        self.value = first
        self._lock = threading.Lock()
        self._fetched = threading.Event()
        self._fetched.set()

    def refresh(self) -> threading.Event:
        """Start a fetch unless one is under way. The event is set when it is over."""
        with self._lock:
            if self._fetched.is_set():
                self._fetched = threading.Event()
                threading.Thread(target=self._run, args=(self._fetched,), name="latest", daemon=True).start()
            return self._fetched

    def get(self, wait_s: float) -> T:
        """The fresh value if it comes within this time, else the last one."""
        self.refresh().wait(wait_s)
        return self.value

    def _run(self, fetched: threading.Event) -> None:
        try:
            self.value = self._fetch(self.value)
        except Exception:  # noqa: BLE001, S110 - the last value stays; a later fetch tries again
            pass
        finally:
            fetched.set()
