"""Pools between the control plane and Serve. Pure.

The control plane plans, rolls back and shows a pooled model like any other: as an application of its own, which names its pool's
application under POOL. Serve gets one application for each pool, whose settings hold the models. `fold` and `unfold` convert.
"""

from collections.abc import Mapping
from typing import Any

from modelyard.config.pool_spec import APPLICATION_PREFIX
from modelyard.control.serve_config import POOL, ServeConfig, settings_of
from modelyard.control.status import Running, deployed
from modelyard.ray_serve.application import MODEL_DEPLOYMENT
from modelyard.ray_serve.application_status import text_of
from modelyard.ray_serve.pool_report import PoolReports, as_application, state_in_pool

POOL_IMPORT = "modelyard.replica.pool_deployment:build"
LEAVING = "leaving"
"""The mark of a model that serves in the pool until it does elsewhere; see `moves`."""


def fold(config: ServeConfig) -> ServeConfig:
    """The config as Serve gets it: each pooled model in the settings of its pool's application."""
    models: dict[str, dict[str, Any]] = {pool["name"]: {} for pool in config["pools"]}
    applications = []
    for application in (*config["applications"], *config["leaving"]):
        if POOL in application:
            models[application[POOL]][application["name"]] = _entry(application)
        else:
            applications.append(application)
    for application in config["leaving"]:
        if POOL in application:
            models[application[POOL]][application["name"]][LEAVING] = True
    pools = [_with_models(pool, models[pool["name"]]) for pool in config["pools"]]
    return {"proxy_location": config["proxy_location"], "applications": [*applications, *pools]}


def unfold(running: Running, reports: PoolReports) -> Running:
    """An observation of Serve with an application for each pooled model, and the pools without their models."""
    applications: dict[str, dict[str, Any]] = {}
    pools: dict[str, dict[str, Any]] = {}
    leaving: dict[str, dict[str, Any]] = {}
    for name, details in running.applications.items():
        (pools if name.startswith(APPLICATION_PREFIX) else applications)[name] = details
    for pool, details in pools.items():
        config = details.get("deployed_app_config")
        if not config:  # Serve is deleting it
            continue
        pools[pool] = {**details, "deployed_app_config": _with_models(config, {})}
        for model, entry in settings_of(config)["models"].items():
            seen = _details(pool, model, entry, details, reports)
            if LEAVING in entry:
                leaving[model] = seen
                continue
            if model in applications:  # it moves into the pool, or has done so and is being deleted
                leaving.setdefault(model, applications[model])
            applications[model] = seen
    return Running(applications, pools, leaving)


def has_pools(running: Running) -> bool:
    """Whether an observation of Serve has a pool."""
    return any(name.startswith(APPLICATION_PREFIX) for name in running.applications)


def last_reports(known: PoolReports, reported: PoolReports, running: Running) -> PoolReports:
    """The last report of each replica of a pool that Serve has: a metrics hub that was started again has no reports at first."""
    there = {
        replica["replica_id"]
        for name, details in running.applications.items()
        if name.startswith(APPLICATION_PREFIX)
        for replica in _replicas(details)
    }
    return {replica: models for replica, models in {**known, **reported}.items() if replica in there}


def _entry(application: ServeConfig) -> dict[str, Any]:
    return {**application["pooled"], "args": application["args"], "settings": settings_of(application)}


def _application(pool: str, model: str, entry: Mapping[str, Any]) -> ServeConfig:
    pooled = {key: value for key, value in entry.items() if key not in ("args", "settings", LEAVING)}
    return pooled_application(pool, model, entry["args"], entry["settings"], pooled)


def pooled_application(
    pool: str, model: str, args: Mapping[str, Any], settings: Mapping[str, Any], pooled: Mapping[str, Any]
) -> ServeConfig:
    """A pooled model in the form of an application. `pooled` are the values of PoolMember besides, and the fingerprint."""
    return {
        "name": model,
        POOL: pool,
        "route_prefix": args["spec"]["route"],
        "import_path": POOL_IMPORT,
        "args": args,
        "pooled": dict(pooled),
        "deployments": [{"name": MODEL_DEPLOYMENT, "user_config": settings}],
    }


def _with_models(pool: ServeConfig, models: Mapping[str, Any]) -> ServeConfig:
    (deployment,) = pool["deployments"]
    return {**pool, "deployments": [{**deployment, "user_config": {"models": dict(models)}}]}


def _details(
    pool: str, model: str, entry: Mapping[str, Any], details: Mapping[str, Any], reports: PoolReports
) -> dict[str, Any]:
    """A model's details in the form of Serve's ApplicationDetails: its replicas are those of the pool that serve it."""
    replicas = _replicas(details)
    running = [each["replica_id"] for each in replicas if text_of(each["state"]) == "RUNNING"]
    state = state_in_pool(model, entry["fingerprint"], running, reports)
    pool_target = sum(deployment["target_num_replicas"] for deployment in details["deployments"].values())
    as_seen = as_application(deployed(details), state)
    application = _application(pool, model, entry)
    seen = state.furthest
    return {
        "residency": {"residency": seen.residency, "resident_bytes": seen.resident_bytes} if seen else {},
        "everywhere": 0 < len(running) == len(state.serving),
        "status": as_seen.status,
        "message": as_seen.message,
        "route_prefix": application["route_prefix"],
        "deployed_app_config": application,
        "deployments": {
            MODEL_DEPLOYMENT: {
                "message": "",
                "target_num_replicas": pool_target,
                "replicas": [each for each in replicas if each["replica_id"] in state.serving],
            }
        },
    }


def _replicas(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [replica for deployment in details["deployments"].values() for replica in deployment["replicas"]]
