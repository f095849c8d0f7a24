"""The end of the server's process, as its supervisor sees it: whether it was up, and when it is started again."""

import os
from dataclasses import dataclass
from typing import Final

NODE_DIED: Final = 75
"""Exit code of the server's process, EX_TEMPFAIL of <sysexits.h>: it was up, and Ray died under it."""
STEADY_S = 60.0
"""After so long a time up, the next failure counts as the first."""
MAX_FAILED_STARTS = 5
"""In a row, of a server that has never been up. One that has been up is always restarted, because it serves models."""
MIN_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0


@dataclass(slots=True)
class Restarts:
    """Counts failures. Pauses grow, so that restarts do not overload a busy machine."""

    failures: int = 0
    has_been_up: bool = False

    def failed(self, *, up_s: float | None) -> float | None:
        """Seconds until the next start; None to give up. `up_s` is how long the server was up, None if it never was."""
        self.has_been_up = self.has_been_up or up_s is not None
        self.failures = 1 if up_s is not None and up_s > STEADY_S else self.failures + 1
        if self.failures > MAX_FAILED_STARTS and not self.has_been_up:
            return None
        return float(min(MAX_PAUSE_S, MIN_PAUSE_S * 2 ** min(self.failures - 1, 10)))


class ReadyFlag:
    """Whether the server's process has been up. It shares the file with its supervisor, in memory, because a disk may be full."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Create the file, or use the descriptor that the supervisor passed."""
        self.descriptor = os.memfd_create("modelyard-up") if descriptor is None else descriptor
        os.set_inheritable(self.descriptor, False)

    def set(self) -> None:
        """Note that models are served."""
        os.pwrite(self.descriptor, b"1", 0)

    def is_set(self) -> bool:
        """Whether models are served, or were when the process ended."""
        return os.fstat(self.descriptor).st_size > 0

    def close(self) -> None:
        """Close the file at the end of the run."""
        os.close(self.descriptor)
