"""Which configuration of each model is known to be good, and which was tried and failed. Pure.

Serve keeps a model's old replicas when the new ones cannot start, but goes on meaning to replace them: the next crash of an old
replica would be an outage. So a configuration that failed is put back to the one that last answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.control.applications import GATEWAY, GATEWAY_DEPLOYMENT, ServeConfig


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

    def applied_to(self, wanted: ServeConfig) -> ServeConfig:
        """The config to deploy: as wanted, but with the good one in place of each that was rejected, and the reason told."""
        applications, reasons = [], {}
        for application in wanted["applications"]:
            name = application["name"]
            rejected = self.rejected.get(name)
            if rejected is not None and rejected.config == application:
                reasons[name] = f"went back to the last good version: {rejected.reason}"
                application = self.good[name]  # noqa: PLW2901 - the replacement is the point
            applications.append(application)
        return {**wanted, "applications": [_with_reasons(each, reasons) for each in applications]}


def reasons_told(applications: Mapping[str, ServeConfig]) -> dict[str, str]:
    """The reasons, by model, in the gateway's running configuration."""
    gateway = applications.get(GATEWAY)
    if gateway is None:
        return {}
    models = gateway["deployments"][0]["user_config"]["models"]
    return {model["name"]: model["refused"] for model in models if model["refused"]}


def _with_reasons(application: ServeConfig, reasons: Mapping[str, str]) -> ServeConfig:
    if application["name"] != GATEWAY or not reasons:
        return application
    (deployment,) = (each for each in application["deployments"] if each["name"] == GATEWAY_DEPLOYMENT)
    models = [
        {**model, "refused": reasons.get(model["name"], model["refused"])}
        for model in deployment["user_config"]["models"]
    ]
    return {**application, "deployments": [{**deployment, "user_config": {"models": models}}]}
