"""What the control loop knew at the end of one of its turns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the control socket answers before these are imported
    from modelyard.control.plan import Action
    from modelyard.control.rollback import Rollback
    from modelyard.control.status import ModelStatus, Running


@dataclass(frozen=True, slots=True)
class LoopSnapshot:
    """Never changed once it is made, so that other threads read it without a lock."""

    number: int
    at: float
    """Of the last look at Serve that went well, by the loop's clock."""
    running: "Running"
    rollback: "Rollback"
    """A copy."""
    statuses: tuple["ModelStatus", ...]
    configured: frozenset[str]
    """Names of the models that the files ask for, as far as they were read."""
    notices: Mapping[str, str] = field(default_factory=dict)
    """Troubles that last, by a word for each."""
    waiting: tuple["Action", ...] = ()
    """What is changed when the operator says `modelyard apply`."""
    withheld: str = ""
    """Why that needs a confirmation besides."""
