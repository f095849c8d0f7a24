"""Which of Ray's own processes a server cannot do without. Pure."""

from collections.abc import Sequence

VITAL = ("raylet", "gcs_server")
"""The others serve clusters and people: the dashboard, the autoscaler's monitor, the log monitor. Nothing here asks them."""


def vital(dead: Sequence[str]) -> str:
    """Those of the dead processes without which no replica can be started or reached; "" where all of them live."""
    return ", ".join(name for name in dead if name in VITAL)


def spared(dead: Sequence[str]) -> str:
    """What the operator reads of the others; "" where all of them live."""
    names = ", ".join(name for name in dead if name not in VITAL)
    return f"Ray's {names} died: no model needs it, and it is back with the next start of Ray" if names else ""
