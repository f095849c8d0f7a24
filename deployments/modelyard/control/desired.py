"""The desired state: configuration and repository, read and resolved. Needs no Ray."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelyard.config.diagnostic import SpecError
from modelyard.config.load import Config, load
from modelyard.config.spec_cache import SpecCache
from modelyard.control.applications import serve_config
from modelyard.control.serve_config import POOL, ServeConfig
from modelyard.repository.resolve import Rejected, Resolved, resolve_all
from modelyard.repository.scan import DigestCache, scan


@dataclass(frozen=True, slots=True)
class DesiredState:
    """A valid configuration, with each model resolved against the repository or rejected."""

    config: Config
    models: tuple[Resolved | Rejected, ...]
    settles_in_s: float | None
    """When to read again, because a version is still being written; None if none is."""
    versions_there: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """The versions that have a folder, by model, whether they are served or not."""
    pinned: Mapping[str, ServeConfig] = field(default_factory=dict)
    """Applications that stay as they were approved, by model, whatever the repository holds."""

    @property
    def refused(self) -> dict[str, str]:
        """Reasons by model."""
        return {model.name: model.reason for model in self.models if isinstance(model, Rejected)}

    def serve_config(self, deployed: Mapping[str, ServeConfig], good: Mapping[str, ServeConfig] = {}) -> ServeConfig:
        """The Serve config; see `applications.serve_config`."""
        return serve_config(self.config, self.models, deployed=deployed, good=good, pinned=self.pinned)

    def pinned_to(self, applications: Mapping[str, ServeConfig]) -> "DesiredState":
        """The same models with these applications, unless two of them have the same route."""
        names = {model.name for model in self.config.models}
        places = {None, *(pool.application for pool in self.config.pools)}
        pinned = {name: each for name, each in applications.items() if name in names and each.get(POOL) in places}
        routes = {application["route_prefix"] for application in pinned.values()}
        return replace(self, pinned=pinned) if len(routes) == len(pinned) else self


class ConfigReader:
    """Reads the desired state. Parsed files and digests of unchanged artefacts are cached between readings."""

    def __init__(self, config_dir: Path, environ: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self.config_dir = config_dir
        self._environ = environ
        self._now = now
        self._digests = DigestCache()
        self._specs = SpecCache()

    def copy(self, config_dir: Path) -> "ConfigReader":
        """Another reader, for another thread, with a copy of the cached files and digests."""
        other = ConfigReader(config_dir, self._environ, self._now)
        other._digests, other._specs = self._digests.copy(), self._specs.copy()
        return other

    def read(self) -> DesiredState:
        """The files as they are now. Raises SpecError with every mistake in the YAML."""
        return self.resolved(load(self.config_dir, self._environ, self._specs))

    def read_settled(self, otherwise: Config | None = None) -> DesiredState:
        """As `read`, after versions that are being written have settled. `otherwise` replaces a configuration with errors."""
        try:
            config = load(self.config_dir, self._environ, self._specs)
        except SpecError:
            if otherwise is None:
                raise
            config = otherwise
        desired = self.resolved(config)
        if desired.settles_in_s is not None:
            time.sleep(desired.settles_in_s)
            desired = self.resolved(config)
        return desired

    def resolved(self, config: Config) -> DesiredState:
        """This configuration with the current state of the repository."""
        snapshot = scan(
            config.repository_root,
            {spec.folder for spec in config.models},
            settle_s=config.server.repository.settle_s,
            now=self._now,
            cache=self._digests,
        )
        there = {
            spec.name: frozenset(version.number for version in snapshot.folders[spec.folder].versions)
            for spec in config.models
        }
        budgets = {pool.name: pool.memory for pool in config.pools}
        return DesiredState(config, resolve_all(config.models, snapshot, budgets), snapshot.settles_in_s, there)
