"""Builders for configurations, and for Serve's details of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.config.load import Config
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.control.applications import serve_config
from modelyard.control.catalogue_entries import catalogue_of
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running
from modelyard.ray_serve.application import CatalogueEntry
from modelyard.repository.resolve import Rejected, Resolved, ServedVersion

ROOT = Path("/srv/yard")


def spec(name: str = "churn", **keys: Any) -> ModelSpec:
    """A model's spec from the keys of its file."""
    return ModelSpec.model_validate({"name": name, **keys})


def resolved(name: str = "churn", digests: str = "a", runtime: str = "onnx", **keys: Any) -> Resolved:
    """A model with one version for each letter of `digests`, which is its digest; newest first."""
    numbers = range(len(digests), 0, -1)
    versions = tuple(ServedVersion(n, f"sha256:{letter * 64}") for n, letter in zip(numbers, digests, strict=True))
    return Resolved(spec(name, **keys), runtime, versions)


def refused(reason: str, name: str = "churn", **keys: Any) -> tuple[ModelSpec, Rejected]:
    """A model whose file is valid, and that cannot be served."""
    return spec(name, **keys), Rejected(name, reason, None)


def pool(name: str = "small", **keys: Any) -> PoolSpec:
    """A pool's spec from the keys of its file."""
    return PoolSpec.model_validate({"name": name, "memory": "64MiB", **keys})


def pools_of(specs: Sequence[ModelSpec], *pools: PoolSpec) -> tuple[PoolSpec, ...]:
    """These pools, and those that the models name besides."""
    there = {each.name: each for each in pools}
    there |= {each.pool: pool(each.pool) for each in specs if each.pool and each.pool not in there}
    return tuple(there[name] for name in sorted(there))


def configured(
    *models: Resolved | tuple[ModelSpec, Rejected],
    kept: Mapping[str, ServeConfig] | None = None,
    good: Mapping[str, ServeConfig] | None = None,
    pools: Sequence[PoolSpec] = (),
    **server: Any,
) -> ServeConfig:
    """The Serve config of these models and pools. A pool that a model names is there without being listed."""
    outcomes = [(model.spec, model) if isinstance(model, Resolved) else model for model in models]
    specs = tuple(spec for spec, _ in outcomes)
    config = Config(
        server=ServerSpec.model_validate(server),
        models=specs,
        sources={spec.name: Path(f"serve_config/models/{spec.name}.yaml") for spec in specs},
        root=ROOT,
        pools=pools_of(specs, *pools),
    )
    return serve_config(config, [outcome for _, outcome in outcomes], deployed=kept or {}, good=good or {})


def applications(config: ServeConfig) -> dict[str, ServeConfig]:
    """The applications of a config by name."""
    return {application["name"]: application for application in config["applications"]}


def application(model: Resolved, **server: Any) -> ServeConfig:
    """One model's application."""
    return applications(configured(model, **server))[model.spec.name]


def deployment(application: ServeConfig) -> dict[str, Any]:
    """The one deployment of an application."""
    (only,) = application["deployments"]
    return only


def catalogue(config: ServeConfig) -> dict[str, CatalogueEntry]:
    """The gateway's entries by name."""
    return {entry.name: entry for entry in catalogue_of(applications(config)["gateway"])}


def details(
    config: ServeConfig | None, status: str = "RUNNING", replicas: Mapping[str, int] | None = None, message: str = ""
) -> dict[str, Any]:
    """Serve's ApplicationDetails, as `get_serve_details` returns them: plain values, without unset fields."""
    states = [state for state, count in (replicas or {}).items() for _ in range(count)]
    result = {
        "name": config["name"] if config else "churn",
        "route_prefix": config["route_prefix"] if config else None,
        "docs_path": None,
        "status": status,
        "message": "",
        "last_deployed_time_s": 1700000000.0,
        "source": "declarative",
        "external_scaler_enabled": False,
        "deployments": {
            "model": {
                "name": "model",
                "status": "UPDATING",
                "status_trigger": "CONFIG_UPDATE_STARTED",
                "message": message,
                "deployment_config": {"name": "model"},
                "target_num_replicas": max(1, len(states)),
                "required_resources": {"CPU": 1.0},
                "replicas": [
                    {"actor_name": f"SERVE_REPLICA::churn#model#{n}", "replica_id": str(n), "state": state, "pid": 4711}
                    for n, state in enumerate(states)
                ],
            }
        },
    }
    return result if config is None else {**result, "deployed_app_config": config}


def running(*applications: dict[str, Any]) -> Running:
    """An observation of Serve with these ApplicationDetails."""
    return Running({result["name"]: result for result in applications})
