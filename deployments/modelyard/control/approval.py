"""A changed configuration that waits for `modelyard apply`, with `modelyard up --approve` or `watch: false` in server.yaml."""

from collections.abc import Callable

from modelyard.control.apply import Applier
from modelyard.control.desired import DesiredState
from modelyard.control.plan import Action
from modelyard.control.removals import RemovalDelay


class Approval:
    """The last desired state, as long as applying it would change something. For the reconciler's thread."""

    def __init__(self, applier: Applier, now: Callable[[], float]) -> None:
        self._applier = applier
        self._now = now
        self._removal_delay = RemovalDelay(now)
        self._desired: DesiredState | None = None
        self._received = 0.0
        self.actions: tuple[Action, ...] = ()
        """The changes that wait."""
        self.withheld = ""
        """Why they need a confirmation too; "" if they do not."""

    def receive(self, desired: DesiredState) -> None:
        """Note that the files have changed."""
        self._desired, self._received = desired, self._now()

    def forget(self, *, received_before: float | None = None) -> None:
        """Forget what waits: the files cannot be read, or what was received before this time has been applied."""
        if received_before is None or self._received <= received_before:
            self._desired, self.actions, self.withheld = None, (), ""

    def check(self) -> DesiredState | None:
        """The desired state, if it needs no approval: it changes nothing, or was applied by another way."""
        desired = self._desired
        if desired is None or not self._removal_delay.is_over(self._applier.missing(desired)):
            return None
        actions = self._applier.plan(desired)
        if all(action.kind == "refuse" for action in actions):
            self.forget()
            return desired
        self.actions, self.withheld = actions, self._applier.withheld(desired)
        return None
