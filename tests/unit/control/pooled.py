"""Serve with pools: what it would say of each replica, and what their replicas report."""

from collections.abc import Mapping
from typing import Any

from modelyard.control.pools import fold, unfold
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running
from modelyard.ray_serve.pool_report import ModelReport
from tests.unit.control.models import applications, configured, details, resolved

SMALL = "_pool.small"


def fingerprint(config: ServeConfig, model: str = "churn") -> str:
    """Of the model's arguments."""
    value: str = applications(config)[model]["pooled"]["fingerprint"]
    return value


def observed(
    config: ServeConfig,
    reports: Mapping[str, Mapping[str, ModelReport]] = {},
    replicas: Mapping[str, int] | None = None,
    **pool: Any,
) -> Running:
    """An observation of a Serve that runs this config. Its pools have these replicas, whose ids count from 0, by Serve's state."""
    serve = applications(fold(config))
    each = {"RUNNING": 1} if replicas is None else replicas
    raw = {
        name: details(
            one, **({"replicas": each, **pool} if name.startswith("_pool.") else {"replicas": {"RUNNING": 1}})
        )
        for name, one in serve.items()
    }
    return unfold(Running(raw), reports)


def loaded(config: ServeConfig, *replicas: str, **more: Any) -> dict[str, dict[str, ModelReport]]:
    """Reports of these replicas, each of which serves every model of the config."""
    names = [name for name, one in applications(config).items() if "pool" in one]
    return {
        replica: {name: ModelReport("RESIDENT", fingerprint(config, name), **more) for name in names}
        for replica in replicas or ("0",)
    }


CHURN = configured(resolved("churn", pool="small"))
