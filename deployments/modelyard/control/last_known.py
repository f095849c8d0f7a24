"""A value that comes from elsewhere and may be slow to come: who asks waits a moment for it, and gets the last one otherwise."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LastKnown(Generic[T]):
    """One fetch at a time, in a thread of its own; one that raises leaves the value as it is."""

    def __init__(self, fetch: Callable[[T], T], first: T) -> None:
        """`fetch` gets the last value."""
        self._fetch = fetch
        self.value = first
        self._lock = threading.Lock()
        self._fetched = threading.Event()
        self._fetched.set()

    def refresh(self) -> threading.Event:
        """Begin to fetch it, unless that is under way; the event is set when this fetch is over."""
        with self._lock:
            if self._fetched.is_set():
                self._fetched = threading.Event()
                threading.Thread(target=self._run, args=(self._fetched,), name="latest", daemon=True).start()
            return self._fetched

    def get(self, wait_s: float) -> T:
        """The value, as new as it comes within this time."""
        self.refresh().wait(wait_s)
        return self.value

    def _run(self, fetched: threading.Event) -> None:
        try:
            self.value = self._fetch(self.value)
        except Exception:  # noqa: BLE001, S110 - the last value stands; a later fetch tries again
            pass
        finally:
            fetched.set()
