"""Which configuration of each model is known to be good, and which was tried and mark_failed. Pure.

Serve keeps a model's old replicas when the new ones cannot start, but goes on meaning to replace them: the next crash of an old
replica would be an outage. So a configuration that mark_failed is put back to the one that last answered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from modelyard.control.serve_config import GATEWAY, ServeConfig, amend_catalogue, by_name, catalogue_of, served_by


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
    """Not tried again by itself: until it has answered after all, or something else has mark_failed."""

    def copy(self) -> "Rollback":
        """For another thread."""
        return Rollback(dict(self.good), dict(self.rejected))

    def mark_good(self, name: str, config: ServeConfig) -> bool:
        """This configuration answers; whether that is news."""
        news = self.good.get(name) != config
        self.good[name] = config
        if name in self.rejected and self.rejected[name].config == config:
            del self.rejected[name]
        return news

    def mark_failed(self, name: str, config: ServeConfig, reason: str) -> bool:
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
            for name, application in by_name(wanted).items()
            if name in self.rejected
            and self.rejected[name].config == application
            and routes.get(self.good[name]["route_prefix"], name) == name
        }
        told = {
            name: {
                **served_by(back[name]),
                "refused": f"went back to the last good version: {self.rejected[name].reason}",
            }
            for name in back
        }
        return {
            **wanted,
            "applications": [
                amend_catalogue(application, told) if name == GATEWAY else back.get(name, application)
                for name, application in by_name(wanted).items()
            ],
        }


def rejection_reasons(applications: Mapping[str, ServeConfig]) -> dict[str, str]:
    """The reasons, by model, in the gateway's running configuration."""
    gateway = applications.get(GATEWAY)
    entries = catalogue_of(gateway) if gateway else ()
    return {model["name"]: model["refused"] for model in entries if model["refused"]}


def waiting_models(applications: Mapping[str, ServeConfig]) -> set[str]:
    """The models that wait until others have loaded, as the gateway's running configuration has them."""
    gateway = applications.get(GATEWAY)
    return {model["name"] for model in (catalogue_of(gateway) if gateway else ()) if model.get("waiting")}
