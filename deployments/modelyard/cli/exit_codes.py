"""Exit codes of the server's process, from which its supervisor knows whether to start it again: those of <sysexits.h>."""

from typing import Final

from modelyard.control.restart_policy import NODE_DIED

FINE: Final = 0
REFUSED: Final = 78
"""EX_CONFIG: starting again would not help. Not 1, with which Ray's own library ends a process whose raylet has died."""
NOT_STARTED: Final = 71
"""EX_OSERR: Ray or Serve did not start."""


def meaning_of(code: int, *, was_up: bool) -> int:
    """One of the above for any exit code: a process that ended by another one did not end itself."""
    if code in (FINE, REFUSED, NODE_DIED, NOT_STARTED):
        return code
    return NODE_DIED if was_up else NOT_STARTED
