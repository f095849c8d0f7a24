"""A fake of Serve: accepts every config at once; the test sets the state of each application."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.config.load import Config
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import APPLICATION_PREFIX, PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.control.desired import DesiredState
from modelyard.control.pools import fold, unfold
from modelyard.control.probe import ServerUrls
from modelyard.control.serve_config import POOL, ServeConfig
from modelyard.control.status import Running
from modelyard.ray_serve.application import PoolMember
from modelyard.ray_serve.application_status import failure_message
from modelyard.ray_serve.pool_report import ModelReport, PoolReports, Residency
from modelyard.repository.resolve import Rejected, Resolved
from tests.unit.control.models import ROOT, applications, details, pools_of

URLS = ServerUrls(inside="http://127.0.0.1:9000", outside="http://127.0.0.1:8000")


Place = tuple[str, str]
"""Where a model serves: the application of its pool, or "" for its own, and its name."""


class FakeServe:
    """Stores what was deployed, and reports the states that the test sets."""

    def __init__(self) -> None:
        self.deployed: list[ServeConfig] = []
        self.failing: dict[str, str] = {}
        """Reasons by model, or by <pool's application>/<model>; /<model> is its own application."""
        self.loading: set[str] = set()
        """Models, or places as above."""
        self.up: dict[Place, ServeConfig] = {}
        """The arguments that each model serves, in each of its places."""
        self.waiting: dict[str, str] = {}
        """Serve's messages for models without room, by name."""
        self.raises: list[Exception] = []
        """The errors of the next calls."""

    def deploy(self, config: ServeConfig) -> None:
        self.deployed.append(config)
        self._load()

    def running(self) -> Running:
        if self.raises:
            raise self.raises.pop(0)
        self._load()
        now = applications(fold(self.deployed[-1])) if self.deployed else {}
        return unfold(Running({name: self._details(name, config) for name, config in now.items()}), self._reports())

    @property
    def models(self) -> list[str]:
        """The models that were deployed last, in their order."""
        return [name for name in applications(self.deployed[-1]) if name != "gateway"] if self.deployed else []

    def _load(self) -> None:
        """Serve what is deployed and can be loaded, and nothing that is not deployed."""
        there = self._places()
        self.up = {place: args for place, args in self.up.items() if place in there}
        for place, config in there.items():
            if not self._holds(self.loading, place) and not self._holds(self.failing, place):
                self.up[place] = config["args"]

    def _places(self) -> dict[Place, ServeConfig]:
        last = self.deployed[-1] if self.deployed else {"applications": [], "leaving": []}
        return {
            (each.get(POOL, ""), each["name"]): each
            for each in (*last["applications"], *last["leaving"])
            if each["name"] != "gateway"
        }

    @staticmethod
    def _holds(names: Collection[str], place: Place) -> bool:
        return place[1] in names or "/".join(place) in names

    def _reports(self) -> PoolReports:
        """Each pool has one replica, whose id is the name of its application."""
        reports: dict[str, dict[str, ModelReport]] = {}
        for place, config in self._places().items():
            pool, name = place
            if not pool:
                continue
            serves = PoolMember.fingerprint(self.up[place]) if place in self.up else ""
            reason = self.failing.get(name) or self.failing.get("/".join(place), "")
            rejected = config["pooled"]["fingerprint"] if reason else ""
            residency: Residency = "RESIDENT" if serves else "FAILED" if reason else "LOADING"
            reports.setdefault(pool, {})[name] = ModelReport(residency, serves, rejected, reason)
        return reports

    def _details(self, name: str, config: ServeConfig) -> dict[str, Any]:
        has_replica = {"RUNNING": 1} if ("", name) in self.up else {}
        if f"/{name}" in self.failing:
            return details(config, "DEPLOY_FAILED", has_replica, failure_message(self.failing[f"/{name}"]))
        if f"/{name}" in self.loading:
            return details(config, "DEPLOYING", {"STARTING": 1, **has_replica})
        if name in self.failing:
            return details(config, "DEPLOY_FAILED", {"RUNNING": 1}, self.failing[name])
        if name in self.waiting:
            return details(config, "DEPLOYING", {"STARTING": 1}, self.waiting[name])
        if name in self.loading:
            return details(config, "DEPLOYING", {"STARTING": 1})
        running = details(config, "RUNNING", {"RUNNING": 1})
        if name.startswith(APPLICATION_PREFIX):
            running["deployments"]["model"]["replicas"][0]["replica_id"] = name
        return running


def desired(
    *models: Resolved | tuple[ModelSpec, Rejected],
    missing: tuple[str, ...] = (),
    there: Mapping[str, frozenset[int]] | None = None,
    pools: Sequence[PoolSpec] = (),
) -> DesiredState:
    """The desired state of files with these models."""
    outcomes = [(model.spec, model) if isinstance(model, Resolved) else model for model in models]
    specs = tuple(spec for spec, _ in outcomes)
    sources = {spec.name: Path(f"serve_config/models/{spec.name}.yaml") for spec in specs}
    config = Config(ServerSpec(), specs, sources, ROOT, missing=missing, pools=pools_of(specs, *pools))
    return DesiredState(config, tuple(outcome for _, outcome in outcomes), None, there or {})
