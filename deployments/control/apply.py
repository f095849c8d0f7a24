"""Bring Serve to what the files ask for, and back from what does not start."""

from collections.abc import Sequence

from deployments.control.applications import GATEWAY, ServeConfig
from deployments.control.client import ServeClient
from deployments.control.desired import Desired
from deployments.control.plan import Action, plan
from deployments.control.rollback import Rollback, reasons_told
from deployments.control.running import Running
from deployments.control.status import ModelStatus, deployed, model_statuses
from deployments.serving.state import reason_in


class Applier:
    """Holds what was last wanted and what is known to be good; everything else it reads from Serve."""

    def __init__(self, client: ServeClient, rollback: Rollback, origin: str) -> None:
        self._client = client
        self.origin = origin
        self._wanted: ServeConfig | None = None
        self.rollback = rollback

    def plan(self, desired: Desired) -> tuple[Action, ...]:
        """What `apply` would do now."""
        wanted = self.rollback.applied_to(desired.serve_config(self.rollback.good))
        return plan(self._client.running().configs, wanted, desired.refused)

    def apply(self, desired: Desired) -> tuple[Action, ...]:
        """Deploy what differs; returns before it is up. See `check` for how it goes on."""
        return self.apply_config(desired.serve_config(self.rollback.good), desired)

    def apply_config(self, wanted: ServeConfig, desired: Desired | None = None) -> tuple[Action, ...]:
        """As `apply`, for a config that was made before."""
        self._wanted = wanted
        current = self._client.running().configs
        target = self.rollback.applied_to(wanted)
        actions = plan(current, target, desired.refused if desired else {})
        if any(action.kind != "refuse" for action in actions) or _gateway(current) != _gateway(_by_name(target)):
            self._client.deploy(target)
        return actions

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
        return model_statuses(running, reasons_told(running.configs), self.origin)


def settled(statuses: Sequence[ModelStatus]) -> bool:
    """Whether nothing changes any more: each model is up, or will not come up by itself."""
    return all(not status.changing and (status.state != "LOADING") for status in statuses)


def _by_name(config: ServeConfig) -> dict[str, ServeConfig]:
    return {application["name"]: application for application in config["applications"]}


def _gateway(applications: dict[str, ServeConfig]) -> ServeConfig | None:
    return applications.get(GATEWAY)
