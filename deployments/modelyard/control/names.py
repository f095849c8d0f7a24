"""Names that the control path agrees on. Imports nothing of ours, for the command reads it before it does anything."""

from typing import Any, Final

GATEWAY = "gateway"
"""The application that answers where no model does."""

ServeConfig = dict[str, Any]
"""A `ServeDeploySchema`, or one of its applications, as plain values."""

NODE_DIED: Final = 75
"""Exit code of the server's process, EX_TEMPFAIL of <sysexits.h>: it was up, and Ray died under it."""
