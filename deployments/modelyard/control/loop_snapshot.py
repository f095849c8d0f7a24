"""The reconciler's state at the end of a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the control socket is served before these are imported
    from modelyard.control.plan import Action
    from modelyard.control.pool_status import PoolStatus
    from modelyard.control.rollback import Rollback
    from modelyard.control.status import ModelStatus, Running


@dataclass(frozen=True, slots=True)
class LoopSnapshot:
    """Immutable, so that other threads read it without a lock."""

    number: int
    at: float
    """The time of the last successful observation of Serve, on the reconciler's clock."""
    running: "Running"
    rollback: "Rollback"
    """A copy."""
    statuses: tuple["ModelStatus", ...]
    configured: frozenset[str]
    """Names of the models in the files that were last read."""
    pools: tuple["PoolStatus", ...] = ()
    notices: Mapping[str, str] = field(default_factory=dict)
    """Problems that last, by key."""
    waiting: tuple["Action", ...] = ()
    """The changes that wait for `modelyard apply`."""
    withheld: str = ""
    """Why they need a confirmation too; "" if they do not."""
