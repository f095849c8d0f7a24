"""Whether a server that ended is started again, and after which pause. Pure."""

from dataclasses import dataclass

STEADY_S = 60.0
"""A server that was up for so long was well: the next failure counts as the first."""
MOST_FAILED_STARTS = 5
"""In a row, of a server that has never been up. One that has been up is started again without end, for it serves models."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(slots=True)
class Restarts:
    """Counts failures; pauses grow, so that starts do not make a busy machine busier."""

    failures: int = 0
    has_been_up: bool = False

    def failed(self, *, up_s: float | None) -> float | None:
        """Seconds until the next start; None to give up. `up_s` is how long the server was up, None where it never was."""
        self.has_been_up = self.has_been_up or up_s is not None
        self.failures = 1 if up_s is not None and up_s > STEADY_S else self.failures + 1
        if self.failures > MOST_FAILED_STARTS and not self.has_been_up:
            return None
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.failures - 1, 10)))
