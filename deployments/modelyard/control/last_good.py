"""What a server stores for its next run: the last valid configuration, and each model's application that last answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.config.load import Config
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.control.serve_config import POOL, ServeConfig, settings_of
from modelyard.private_file import write_private
from modelyard.ray_serve.application import ModelArgs, ModelSettings, PoolMember


@dataclass(frozen=True, slots=True)
class LastGood:
    """Empty if there was no run before."""

    config: Config | None = None
    applications: Mapping[str, ServeConfig] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "LastGood":
        """Read the file; empty if it is missing or invalid. Applications of another release are left out."""
        try:
            stored = json.loads(path.read_text())
            config = Config(
                server=ServerSpec.model_validate_json(json.dumps(stored["server"])),
                models=tuple(ModelSpec.model_validate_json(json.dumps(model)) for model in stored["models"]),
                sources={name: Path(source) for name, source in stored["sources"].items()},
                root=Path(stored["root"]),
                pools=tuple(PoolSpec.model_validate_json(json.dumps(pool)) for pool in stored.get("pools", ())),
                pool_sources={name: Path(source) for name, source in stored.get("pool_sources", {}).items()},
            )
            return cls(config, {name: each for name, each in stored["applications"].items() if _can_be_served(each)})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file, unless there is nothing to store. Only its owner may read it, because it holds what the YAML holds."""
        config = self.config
        if config is None:
            return
        stored = {
            "server": config.server.model_dump(mode="json"),
            "models": [model.model_dump(mode="json") for model in config.models],
            "sources": {name: str(source) for name, source in config.sources.items()},
            "root": str(config.root),
            "pools": [pool.model_dump(mode="json") for pool in config.pools],
            "pool_sources": {name: str(source) for name, source in config.pool_sources.items()},
            "applications": self.applications,
        }
        write_private(path, json.dumps(stored))


class LastGoodFile:
    """Writes what is good when that has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = LastGood()

    def update(self, config: Config, applications: Mapping[str, ServeConfig]) -> None:
        """Raises OSError; the next call tries again."""
        if config is not self._written.config or applications != self._written.applications:
            good = LastGood(config, dict(applications))
            good.write(self._path)
            self._written = good


def _can_be_served(application: ServeConfig) -> bool:
    """Whether this release's replicas can read its arguments and settings."""
    try:
        args, settings = application["args"], settings_of(application)
        if POOL in application:
            pooled = {key: value for key, value in application["pooled"].items() if key != "fingerprint"}
            PoolMember.from_plain({**pooled, "args": args, "settings": settings})
        else:
            ModelArgs.from_plain(args)
            ModelSettings.from_plain(settings)
    except ValueError:
        return False
    return True
