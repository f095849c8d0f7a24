"""Exit codes of the server process, by which the supervisor decides whether to restart it. Values as in <sysexits.h>."""

from typing import Final

from modelyard.control.restart_policy import NODE_DIED

FINE: Final = 0
REFUSED: Final = 78
"""EX_CONFIG: a restart would not help. Not 1, with which Ray's library ends a process whose raylet has died."""
NOT_STARTED: Final = 71
"""EX_OSERR: Ray or Serve did not start."""


def meaning_of(code: int, *, was_up: bool) -> int:
    """One of the codes above for any exit code. With any other code, the process was ended from outside, or crashed."""
    if code in (FINE, REFUSED, NODE_DIED, NOT_STARTED):
        return code
    return NODE_DIED if was_up else NOT_STARTED
