"""Writes of a running server, of which none may end anything: the models serve without a disk.

A disk may be full or read-only, a quota used up, a folder closed or gone, the process out of descriptors. What cannot be written is
tried again at each turn of the control loop, and reported and counted (`control_writes_failing`) until then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import strerror
from pathlib import Path
from shutil import Error as CopyError

Write = Callable[[], object]
"""Raises OSError."""


class NotWritten(Exception):
    """What follows needs the file; its one argument says so to the operator."""


@dataclass(frozen=True, slots=True)
class _Failed:
    text: str
    write: Write | None
    """To be tried again; None where somebody else does."""


class Writes:
    """What could not be written when it was tried last, in whatever thread."""

    def __init__(self) -> None:
        self._failed: dict[Path, _Failed] = {}

    @property
    def failing(self) -> Mapping[Path, str]:
        """A sentence for each file or folder."""
        return {place: failed.text for place, failed in self._failed.copy().items()}

    def attempt(self, place: Path, write: Write) -> None:
        """Write there, now or when it is possible; of several writes to one place that are possible later, only the last one."""
        self._tried(place, write, write)

    def need(self, place: Path, write: Write) -> None:
        """Write there now. Raises NotWritten; whoever needs it tries again."""
        if not self._tried(place, write, None):
            raise NotWritten(f"nothing is changed until {place} can be written")

    def again(self) -> None:
        """Attempt what has failed."""
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
    """In a few words: a copy of a folder says as much of each of its files."""
    if isinstance(error, CopyError) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return strerror(error.errno) if error.errno else str(error)
