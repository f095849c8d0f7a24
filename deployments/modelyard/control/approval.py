"""A changed configuration that waits for `modelyard apply`: `modelyard up --approve`, or `watch: false` in server.yaml."""

from collections.abc import Callable

from modelyard.control.apply import Applier
from modelyard.control.desired import DesiredState
from modelyard.control.plan import Action
from modelyard.control.removals import RemovalDelay


class Approval:
    """The last reading of the files, as long as applying it would change something. For the control loop's thread."""

    def __init__(self, applier: Applier, now: Callable[[], float]) -> None:
        self._applier = applier
        self._now = now
        self._removal_delay = RemovalDelay(now)
        self._desired: DesiredState | None = None
        self._received = 0.0
        self.actions: tuple[Action, ...] = ()
        """What waits; none where nothing does."""
        self.withheld = ""
        """Why that needs a confirmation besides."""

    def receive(self, desired: DesiredState) -> None:
        """The files have changed."""
        self._desired, self._received = desired, self._now()

    def forget(self, *, received_before: float | None = None) -> None:
        """Nothing waits: the files cannot be read, or were applied as they were read from then on."""
        if received_before is None or self._received <= received_before:
            self._desired, self.actions, self.withheld = None, (), ""

    def check(self) -> DesiredState | None:
        """What the files ask for, where that needs no approval: it changes nothing, or somebody else has applied it."""
        desired = self._desired
        if desired is None or not self._removal_delay.is_over(self._applier.missing(desired)):
            return None
        actions = self._applier.plan(desired)
        if all(action.kind == "refuse" for action in actions):
            self.forget()
            return desired
        self.actions, self.withheld = actions, self._applier.withheld(desired)
        return None
