"""Which configuration of each model is known to be good, and which one failed. Pure.

Serve keeps a model's old replicas when the new ones cannot start, but still intends to replace them: the next crash of an old
replica would be an outage. So a configuration that failed is rolled back to the one that last answered.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.control.catalogue_entries import amend_catalogue, served_by
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig, by_name
from modelyard.ray_serve.application import CatalogueEntry


@dataclass(frozen=True, slots=True)
class Rejected:
    """A configuration that did not start, and why."""

    config: ServeConfig
    reason: str


@dataclass(slots=True)
class Rollback:
    """The good and the rejected configurations, by model name."""

    good: dict[str, ServeConfig] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    """Not tried again until it has answered after all, or another configuration has failed."""

    def copy(self) -> "Rollback":
        """A copy, for another thread."""
        return Rollback(dict(self.good), dict(self.rejected))

    def mark_good(self, name: str, config: ServeConfig) -> bool:
        """Note that this configuration answers. The result is whether it is another one than before."""
        is_new = self.good.get(name) != config
        if is_new:  # what has not changed stays the same object: a thousand are compared in each cycle
            self.good[name] = config
        if name in self.rejected and self.rejected[name].config == config:
            del self.rejected[name]
        return is_new

    def mark_failed(self, name: str, config: ServeConfig, reason: str) -> bool:
        """Note that this configuration does not start. The result is whether there is another one to roll back to."""
        good = self.good.get(name)
        if good is None or good == config:
            return False
        self.rejected[name] = Rejected(config, reason)
        return True

    def forget_all_but(self, names: Collection[str]) -> None:
        """Forget the models that were removed."""
        self.good = {name: config for name, config in self.good.items() if name in names}
        self.rejected = {name: tried for name, tried in self.rejected.items() if name in names}

    def good_in(self, pools: Collection[str]) -> dict[str, ServeConfig]:
        """The good configurations that can run where there are these applications of pools."""
        return {name: config for name, config in self.good.items() if POOL not in config or config[POOL] in pools}

    def applied_to(self, wanted: ServeConfig, good: Mapping[str, ServeConfig] | None = None) -> ServeConfig:
        """The config to deploy: `wanted`, but with the good configuration in place of each rejected one, and the reason.

        `good` are the good configurations that can run, if not all of them can. One is left out as well if another model has its
        route now: Serve accepts no route twice.
        """
        good = self.good if good is None else good
        routes = {application["route_prefix"]: application["name"] for application in wanted["applications"]}
        back = {
            name: good[name]
            for name, application in by_name(wanted).items()
            if name in good
            and name in self.rejected
            and self.rejected[name].config == application
            and routes.get(good[name]["route_prefix"], name) == name
        }
        if not back:
            return wanted

        def amended(entry: CatalogueEntry) -> CatalogueEntry:
            if entry.name not in back:
                return entry
            reason = f"rolled back to the last good configuration: {self.rejected[entry.name].reason}"
            return entry.amended(served=served_by(back[entry.name]), refused=reason)

        return {
            **wanted,
            "applications": [
                amend_catalogue(application, amended) if name == GATEWAY else back.get(name, application)
                for name, application in by_name(wanted).items()
            ],
        }


def rejection_reasons(catalogue: Sequence[CatalogueEntry]) -> dict[str, str]:
    """The reasons in the catalogue of the running gateway, by model."""
    return {entry.name: entry.refused for entry in catalogue if entry.refused}


def waiting_models(catalogue: Sequence[CatalogueEntry]) -> set[str]:
    """The models that wait until others have loaded, by the catalogue of the running gateway."""
    return {entry.name for entry in catalogue if entry.waiting}
