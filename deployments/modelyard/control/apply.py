"""Deploys the desired state to Serve, and rolls back what does not start."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.config.server_spec import ServerSpec
from modelyard.control import moves, removals
from modelyard.control.catalogue_entries import running_catalogue
from modelyard.control.desired import DesiredState
from modelyard.control.load_admission import LoadAdmission
from modelyard.control.plan import Action, NeedsConfirmation, plan
from modelyard.control.probe import ServerUrls
from modelyard.control.rollback import Rollback, rejection_reasons, waiting_models
from modelyard.control.serve_config import GATEWAY, ServeConfig, by_name, settings_of
from modelyard.control.status import KnownStatuses, ModelStatus, Running, deployed, model_statuses
from modelyard.ray_serve.application_status import reason_in

if TYPE_CHECKING:  # decisions are tested without Ray
    from modelyard.control.client import ServeClient


class Applier:
    """Remembers the last desired state and the good configurations; everything else is read from Serve."""

    def __init__(
        self,
        client: "ServeClient",
        rollback: Rollback,
        urls: ServerUrls,
        *,
        server: ServerSpec | None = None,
        admission: LoadAdmission | None = None,
        on_target: Callable[[DesiredState, ServeConfig], None] = lambda *_: None,
        reaches: moves.Reaches = lambda _: True,
    ) -> None:
        self._client = client
        self.urls = urls
        self.rollback = rollback
        self._server = server
        """The server.yaml with which the server runs; None if that is not known."""
        self._admission = admission or LoadAdmission(None)
        self._on_target = on_target
        """Called with the desired state and the config for Serve before that is deployed."""
        self._reaches = reaches
        self._desired: DesiredState | None = None
        self._good: dict[str, Mapping[str, Any]] = {}
        """Details of models whose configuration was marked as good. Those that do not change are the same objects."""
        self._catalogue: tuple[dict[str, Any], dict[str, str], set[str]] = ({}, {}, set())
        """The settings of the gateway that were read last, and the models in them that are rejected and that wait."""
        self._rows: KnownStatuses = {}

    def plan(self, desired: DesiredState) -> tuple[Action, ...]:
        """What `apply` would do now, whether or not it needs a confirmation."""
        return planned(desired, self._client.running(), self.rollback)

    def withheld(self, desired: DesiredState) -> str:
        """Why `apply` needs a confirmation; "" if it needs none."""
        return removals.withheld(desired.config, self._server, self._client.running().configs.keys() - {GATEWAY})

    def missing(self, desired: DesiredState) -> frozenset[str]:
        """What runs and has no file or folder; see `removals.missing`."""
        return removals.missing(desired, self._client.running().configs)

    def apply(self, desired: DesiredState, *, allow_removals: bool = False) -> tuple[Action, ...]:
        """Deploy what differs; returns before it is up, and `check` does the rest.

        Raises NeedsConfirmation, and changes nothing, if most models would be removed and `allow_removals` is not set.
        """
        running = self._client.running()
        models = running.configs.keys() - {GATEWAY}
        if not allow_removals and (why := removals.withheld(desired.config, self._server, models)):
            raise NeedsConfirmation(why)
        self.rollback.forget_all_but({model.name for model in desired.config.models})
        target = _target(desired, running, self.rollback)
        self._deploy(desired, running, target)
        return _actions(desired, running, target)

    def _deploy(self, desired: DesiredState, running: Running, target: ServeConfig) -> None:
        """Deploy as much of the target, which is that of the desired state, as may load now, if that differs from what runs."""
        current = running.configs
        target = self._admission.admit(running, target)
        target = moves.with_places_of_before(running, target, self._reaches)
        changes = plan(current, target, pools=running.pool_configs)
        moving = {application["name"] for application in target["leaving"]}
        differs = (
            changes or moving != running.leaving_configs.keys() or current.get(GATEWAY) != by_name(target).get(GATEWAY)
        )
        if differs or desired is not self._desired:
            self._on_target(desired, target)
        if differs:
            self._client.deploy(target)
        self._desired = desired

    def running(self) -> Running:
        """What runs now."""
        return self._client.running()

    def check(self) -> tuple[Running, list[str]]:
        """Observe Serve, remember what answers, roll back what failed, and let the next models load.

        Returns the observation, and the names of the models that were rolled back now.
        """
        running = self._client.running()
        configs = running.configs
        rolled_back = []
        good: dict[str, Mapping[str, Any]] = {}
        for name, details in running.applications.items():
            if name == GATEWAY or name not in configs:
                continue
            if self._is_known_good(name, details):
                good[name] = details
                continue
            seen = deployed(details)
            if seen.status == "RUNNING":
                self.rollback.mark_good(name, configs[name])
                good[name] = details
            elif seen.status in ("DEPLOY_FAILED", "UNHEALTHY"):
                reason = reason_in(seen.message) or "it did not start"
                if self.rollback.mark_failed(name, configs[name], reason):
                    rolled_back.append(name)
        self._good = good
        if self._desired is not None and (rolled_back or self._admission.waiting or moves.over(running, self._reaches)):
            self._deploy(self._desired, running, _target(self._desired, running, self.rollback))
        return running, rolled_back

    def _is_known_good(self, name: str, details: Mapping[str, Any]) -> bool:
        """Whether these details, the same object, were there in the last cycle, and their configuration is marked as good."""
        return self._good.get(name) is details and name in self.rollback.good and name not in self.rollback.rejected

    def statuses(self, running: Running) -> tuple[ModelStatus, ...]:
        """Every model's row."""
        configs = running.configs
        written = settings_of(configs.get(GATEWAY, {}))
        if written != self._catalogue[0]:
            catalogue = running_catalogue(configs)
            self._catalogue = written, rejection_reasons(catalogue), waiting_models(catalogue)
        _, rejected, waiting = self._catalogue
        return model_statuses(running, rejected, self.urls.outside, waiting, self._rows)


def planned(desired: DesiredState, running: Running, rollback: Rollback) -> tuple[Action, ...]:
    """The actions that would make what runs match the desired state, without those that are under way."""
    return _actions(desired, running, _target(desired, running, rollback))


def _actions(desired: DesiredState, running: Running, target: ServeConfig) -> tuple[Action, ...]:
    pools = moves.pools_without_removed(running, target)
    return plan(running.configs, target, desired.refused, pools=pools)


def _target(desired: DesiredState, running: Running, rollback: Rollback) -> ServeConfig:
    """The desired config, but a rejected model as it runs or else last answered, and a failed one as it last answered."""
    good = rollback.good_in({pool.application for pool in desired.config.pools} | running.pool_configs.keys())
    target = rollback.applied_to(desired.serve_config({**good, **running.configs}, good), good)
    return moves.with_needed_pools(running, target)


def settled(statuses: Sequence[ModelStatus]) -> bool:
    """Whether no change is in progress: each model is READY, or its configuration cannot be served."""
    return not any(status.changing for status in statuses)
