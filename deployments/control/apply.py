"""Bring Serve to what the files ask for, and back from what does not start."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from deployments.control.applications import GATEWAY, ServeConfig
from deployments.control.desired import Desired
from deployments.control.look import Front
from deployments.control.plan import Action, plan
from deployments.control.rollback import Rollback, reasons_told
from deployments.control.running import Running
from deployments.control.status import ModelStatus, deployed, model_statuses
from deployments.serving.state import reason_in

if TYPE_CHECKING:  # decisions are tested without Ray
    from deployments.control.client import ServeClient


class Applier:
    """Holds what was last wanted and what is known to be good; everything else it reads from Serve."""

    def __init__(self, client: "ServeClient", rollback: Rollback, front: Front) -> None:
        self._client = client
        self.front = front
        self._wanted: ServeConfig | None = None
        self.rollback = rollback

    def plan(self, desired: Desired) -> tuple[Action, ...]:
        """What `apply` would do now."""
        current = self._client.running().configs
        return plan(current, self._target(desired, current), desired.refused)

    def apply(self, desired: Desired, on_target: Callable[[ServeConfig], None] = lambda _: None) -> tuple[Action, ...]:
        """Deploy what differs; returns before it is up. See `check` for how it goes on.

        `on_target` is called with what Serve is to run, before it is deployed.
        """
        self.rollback.forget_all_but({model.name for model in desired.config.models})
        current = self._client.running().configs
        target = self._target(desired, current)
        on_target(target)
        actions = plan(current, target, desired.refused)
        if any(action.kind != "refuse" for action in actions) or _gateway(current) != _gateway(_by_name(target)):
            self._client.deploy(target)
        return actions

    def _target(self, desired: Desired, current: Mapping[str, ServeConfig]) -> ServeConfig:
        """As the files want it, but a refused model as it is, and a failed one as it last was good."""
        self._wanted = desired.serve_config({**current, **self.rollback.good})
        return self.rollback.applied_to(self._wanted)

    def running(self) -> Running:
        """What runs now."""
        return self._client.running()

    def check(self) -> tuple[Running, list[str]]:
        """Look at Serve, remember what answers, go back from what failed; with the names that went back just now."""
        running = self._client.running()
        configs = running.configs
        back = []
        for name, details in running.applications.items():
            if name == GATEWAY or name not in configs:
                continue
            seen = deployed(details)
            if seen.status == "RUNNING":
                self.rollback.proved(name, configs[name])
            elif seen.status in ("DEPLOY_FAILED", "UNHEALTHY"):
                reason = reason_in(seen.message) or "it did not start"
                if self.rollback.failed(name, configs[name], reason):
                    back.append(name)
        if back and self._wanted is not None:
            self._client.deploy(self.rollback.applied_to(self._wanted))
        return running, back

    def statuses(self, running: Running) -> tuple[ModelStatus, ...]:
        """Every model's row."""
        return model_statuses(running, reasons_told(running.configs), self.front.outside)


def settled(statuses: Sequence[ModelStatus]) -> bool:
    """Whether nothing changes any more: each model is up, or will not come up as things are."""
    return not any(status.changing for status in statuses)


def _by_name(config: ServeConfig) -> dict[str, ServeConfig]:
    return {application["name"]: application for application in config["applications"]}


def _gateway(applications: dict[str, ServeConfig]) -> ServeConfig | None:
    return applications.get(GATEWAY)
