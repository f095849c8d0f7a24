"""Exit codes of the server's process, from which its supervisor knows whether to start it again."""

FINE, FAILED = 0, 1
NODE_DIED, NOT_STARTED = 75, 71
"""EX_TEMPFAIL and EX_OSERR of <sysexits.h>: Ray died under a server that was up, or did not start."""
