"""Builders for pools: the config that Serve gets, Serve's details of it, and what the replicas report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.config.load import Config
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.control.applications import serve_config
from modelyard.control.pools import fold, unfold
from modelyard.control.serve_config import POOL, ServeConfig
from modelyard.control.status import Running
from modelyard.ray_serve.pool_report import ModelReport, PoolReports
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import ROOT, details

REPLICA = "0"
"""The id of the first replica in `models.details`."""
MIB = 2**20


def pool(name: str = "small", memory: int = 512 * MIB, **keys: Any) -> PoolSpec:
    """A pool's spec."""
    return PoolSpec.model_validate({"name": name, "memory": memory, **keys})


def pooled_config(*models: Resolved, pools: tuple[PoolSpec, ...] | None = None) -> ServeConfig:
    """The config of these models, of which some are in these pools."""
    specs = tuple(model.spec for model in models)
    sources = {spec.name: Path(f"serve_config/models/{spec.name}.yaml") for spec in specs}
    config = Config(ServerSpec(), specs, sources, ROOT, pools=(pool(),) if pools is None else pools)
    return serve_config(config, models, deployed={})


def observed(config: ServeConfig) -> Running:
    """What Serve reports of a config when each application has one replica that runs."""
    return Running({each["name"]: details(each, "RUNNING", {"RUNNING": 1}) for each in fold(config)["applications"]})


def reports_of(config: ServeConfig, cold: frozenset[str] = frozenset(), size: int = MIB) -> PoolReports:
    """The reports of pools whose first replicas have loaded their models, each of this size, but for those that are cold."""
    return {
        REPLICA: {
            application["name"]: ModelReport("COLD", application["pooled"]["fingerprint"])
            if application["name"] in cold
            else ModelReport("RESIDENT", application["pooled"]["fingerprint"], resident_bytes=size, loads=1, load_s=0.1)
            for application in config["applications"]
            if POOL in application
        }
    }


def running_pools(
    config: ServeConfig, cold: frozenset[str] = frozenset(), more: Mapping[str, ModelReport] | None = None
) -> Running:
    """The observation of a config whose pools serve all their models; `more` are reports in place of those."""
    reports = {REPLICA: {**reports_of(config, cold)[REPLICA], **(more or {})}}
    return unfold(observed(config), reports)
