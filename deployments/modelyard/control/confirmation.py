"""The answer to a change that needs a confirmation. Imports nothing, for the command catches it."""

CONFIRM = "--allow-removals"


class NeedsConfirmation(Exception):
    """A change that is not made unless the operator confirms it; its one argument says why."""
