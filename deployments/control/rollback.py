"""Which configuration of each model is known to be good, and which was tried and failed. Pure.

Serve keeps a model's old replicas when the new ones cannot start, but goes on meaning to replace them: the next crash of an old
replica would be an outage. So a configuration that failed is put back to the one that last answered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.control.applications import GATEWAY, ServeConfig, served_by


@dataclass(frozen=True, slots=True)
class Rejected:
    """A configuration that did not start, and why."""

    config: ServeConfig
    reason: str


@dataclass(slots=True)
class Rollback:
    """What is remembered of each model, by name."""

    good: dict[str, ServeConfig] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    """Not tried again by itself: until it has answered after all, or something else has failed."""

    def proved(self, name: str, config: ServeConfig) -> bool:
        """This configuration answers; whether that is news."""
        news = self.good.get(name) != config
        self.good[name] = config
        if name in self.rejected and self.rejected[name].config == config:
            del self.rejected[name]
        return news

    def failed(self, name: str, config: ServeConfig, reason: str) -> bool:
        """This configuration does not start; whether there is another one to go back to."""
        good = self.good.get(name)
        if good is None or good == config:
            return False
        self.rejected[name] = Rejected(config, reason)
        return True

    def forget_all_but(self, names: Collection[str]) -> None:
        """A model that was taken out starts anew when it comes back."""
        self.good = {name: config for name, config in self.good.items() if name in names}
        self.rejected = {name: tried for name, tried in self.rejected.items() if name in names}

    def applied_to(self, wanted: ServeConfig) -> ServeConfig:
        """The config to deploy: as wanted, but with the good one in place of each that was rejected, and the reason told.

        One that was good stays away where its route has gone to another model since: Serve takes no route twice.
        """
        routes = {application["route_prefix"]: application["name"] for application in wanted["applications"]}
        back = {
            name: self.good[name]
            for name, application in _by_name(wanted).items()
            if name in self.rejected
            and self.rejected[name].config == application
            and routes.get(self.good[name]["route_prefix"], name) == name
        }
        reasons = {name: f"went back to the last good version: {self.rejected[name].reason}" for name in back}
        return {
            **wanted,
            "applications": [
                _told(application, back, reasons) if name == GATEWAY else back.get(name, application)
                for name, application in _by_name(wanted).items()
            ],
        }


def reasons_told(applications: Mapping[str, ServeConfig]) -> dict[str, str]:
    """The reasons, by model, in the gateway's running configuration."""
    gateway = applications.get(GATEWAY)
    return (
        {}
        if gateway is None
        else {model["name"]: model["refused"] for model in _catalogue(gateway) if model["refused"]}
    )


def _told(gateway: ServeConfig, back: Mapping[str, ServeConfig], reasons: Mapping[str, str]) -> ServeConfig:
    """The gateway with a catalogue that tells what serves in the place of what was wanted, and why."""
    models = [
        {**model, **served_by(back[name]), "refused": reasons[name]} if (name := model["name"]) in back else model
        for model in _catalogue(gateway)
    ]
    (deployment,) = gateway["deployments"]
    return {**gateway, "deployments": [{**deployment, "user_config": {"models": models}}]}


def _catalogue(gateway: ServeConfig) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = gateway["deployments"][0]["user_config"]["models"]
    return models


def _by_name(config: ServeConfig) -> dict[str, ServeConfig]:
    return {application["name"]: application for application in config["applications"]}
