"""A fake of Serve: accepts every config at once; the test sets the state of each application."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.config.load import Config
from modelyard.config.model_spec import ModelSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.control.desired import DesiredState
from modelyard.control.probe import ServerUrls
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running
from modelyard.repository.resolve import Rejected, Resolved
from tests.unit.control.models import ROOT, applications, details

URLS = ServerUrls(inside="http://127.0.0.1:9000", outside="http://127.0.0.1:8000")


class FakeServe:
    """Stores what was deployed, and reports the states that the test sets."""

    def __init__(self) -> None:
        self.deployed: list[ServeConfig] = []
        self.failing: dict[str, str] = {}
        self.loading: set[str] = set()
        self.waiting: dict[str, str] = {}
        """Serve's messages for models without room, by name."""
        self.raises: list[Exception] = []
        """The errors of the next calls."""

    def deploy(self, config: ServeConfig) -> None:
        self.deployed.append(config)

    def running(self) -> Running:
        if self.raises:
            raise self.raises.pop(0)
        now = applications(self.deployed[-1]) if self.deployed else {}
        return Running({name: self._details(name, config) for name, config in now.items()})

    @property
    def models(self) -> list[str]:
        """The models that were deployed last, in their order."""
        return [name for name in applications(self.deployed[-1]) if name != "gateway"] if self.deployed else []

    def _details(self, name: str, config: ServeConfig) -> dict[str, Any]:
        if name in self.failing:
            return details(config, "DEPLOY_FAILED", {"RUNNING": 1}, self.failing[name])
        if name in self.waiting:
            return details(config, "DEPLOYING", {"STARTING": 1}, self.waiting[name])
        if name in self.loading:
            return details(config, "DEPLOYING", {"STARTING": 1})
        return details(config, "RUNNING", {"RUNNING": 1})


def desired(
    *models: Resolved | tuple[ModelSpec, Rejected],
    missing: tuple[str, ...] = (),
    there: Mapping[str, frozenset[int]] | None = None,
) -> DesiredState:
    """The desired state of files with these models."""
    outcomes = [(model.spec, model) if isinstance(model, Resolved) else model for model in models]
    specs = tuple(spec for spec, _ in outcomes)
    sources = {spec.name: Path(f"serve_config/models/{spec.name}.yaml") for spec in specs}
    config = Config(ServerSpec(), specs, sources, ROOT, missing=missing)
    return DesiredState(config, tuple(outcome for _, outcome in outcomes), None, there or {})
