"""The file writes of a running server. A failed write ends nothing: models serve without a disk.

A disk may be full or read-only, a quota used up, a folder missing or forbidden, the process out of descriptors. A failed write is
tried again in each cycle of the reconciler, and is reported and counted (`control_writes_failing`) until it succeeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import strerror
from pathlib import Path
from shutil import Error as CopyError

Write = Callable[[], object]
"""Raises OSError."""


class NotWritten(Exception):
    """A write failed that the next step needs; its one argument is a text for the operator."""


@dataclass(frozen=True, slots=True)
class _Failed:
    text: str
    write: Write | None
    """To be tried again; None if the caller does that."""


class Writes:
    """The writes that failed when they were last tried. Any thread may write."""

    def __init__(self) -> None:
        self._failed: dict[Path, _Failed] = {}

    @property
    def failing(self) -> Mapping[Path, str]:
        """A text for the operator, by file or folder."""
        return {place: failed.text for place, failed in self._failed.copy().items()}

    def attempt(self, place: Path, write: Write) -> None:
        """Write now, or later if that fails. Of several failed writes to one place, only the last is tried again."""
        self._tried(place, write, write)

    def require(self, place: Path, write: Write) -> None:
        """Write now. Raises NotWritten; then the caller tries again."""
        if not self._tried(place, write, None):
            raise NotWritten(f"nothing is changed until {place} can be written")

    def retry(self) -> None:
        """Try the failed writes again."""
        for place, failed in self._failed.copy().items():
            if failed.write is not None:
                self.attempt(place, failed.write)

    def _tried(self, place: Path, write: Write, later: Write | None) -> bool:
        try:
            write()
        except OSError as error:
            self._failed[place] = _Failed(f"cannot write {place}: {reason_of(error)}", later)
            return False
        self._failed.pop(place, None)
        return True


def reason_of(error: OSError) -> str:
    """The reason in a few words. The copy of a folder has one error for each file: the first is enough."""
    if isinstance(error, CopyError) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return strerror(error.errno) if error.errno else str(error)
