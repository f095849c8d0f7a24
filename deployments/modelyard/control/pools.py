"""Pools between the control plane and Serve. Pure.

The control plane plans, rolls back and shows a pooled model like any other: as an application of its own, which names its pool's
application under POOL. Serve gets one application for each pool, whose settings hold the models. `fold` and `unfold` convert.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.config.url_paths import APPLICATION_PREFIX
from modelyard.control.serve_config import POOL, ServeConfig, settings_of
from modelyard.control.status import Running, deployed
from modelyard.ray_serve.application import MODEL_DEPLOYMENT
from modelyard.ray_serve.application_status import Deployed, text_of
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


def unfold(running: Running, reports: PoolReports, before: Running | None = None) -> Running:
    """An observation of Serve with an application for each pooled model, and the pools without their models.

    `before` is the last result. What has not changed since is the same object, so that a thousand models cost little to compare.
    """
    before = before or Running({})
    applications: dict[str, dict[str, Any]] = {}
    pools: dict[str, dict[str, Any]] = {}
    leaving: dict[str, dict[str, Any]] = {}
    for name, details in running.applications.items():
        (pools if name.startswith(APPLICATION_PREFIX) else applications)[name] = details
    for pool, details in pools.items():
        config = details.get("deployed_app_config")
        if not config:  # Serve is deleting it
            continue
        view, settings = _PoolView.of(pool, details), settings_of(config)["models"]
        models = before.pools.get(pool, {}).get("unfolded")
        if models is not None and models.view == view:
            view = models.view
        if models is None or not models.is_of(view, settings, reports):
            models = _unfolded(view, settings, reports, before)
        pools[pool] = {**details, "deployed_app_config": _with_models(config, {}), "unfolded": models}
        leaving |= models.leaving
        for model in (
            models.current.keys() & applications.keys()
        ):  # it moves into the pool, or Serve is deleting the one alone
            leaving.setdefault(model, applications[model])
        applications |= models.current
    return Running(applications, pools, leaving)


@dataclass(frozen=True, slots=True)
class _PoolView:
    """What the models of a pool have in common."""

    pool: str
    """The pool's application."""
    replicas: list[dict[str, Any]]
    running: list[str]
    """The ids of the replicas that run."""
    target: int
    deployed: Deployed

    @classmethod
    def of(cls, pool: str, details: Mapping[str, Any]) -> "_PoolView":
        deployments = details["deployments"].values()
        replicas = [each for deployment in deployments for each in deployment["replicas"]]
        return cls(
            pool=pool,
            replicas=replicas,
            running=[each["replica_id"] for each in replicas if text_of(each["state"]) == "RUNNING"],
            target=sum(deployment["target_num_replicas"] for deployment in deployments),
            deployed=deployed(details),
        )


@dataclass(frozen=True, slots=True)
class Unfolded:
    """The models of a pool in the form of applications, and what they were made from."""

    view: _PoolView
    settings: Mapping[str, Any]
    reports: PoolReports
    current: dict[str, dict[str, Any]]
    leaving: dict[str, dict[str, Any]]
    used_bytes: int
    """The memory of the models that are resident, in the replica where it is largest."""

    def is_of(self, view: _PoolView, settings: Mapping[str, Any], reports: PoolReports) -> bool:
        """Whether it was made from these. What has not changed is the same object."""
        return self.view is view and self.settings is settings and self.reports is reports


def _unfolded(view: _PoolView, settings: Mapping[str, Any], reports: PoolReports, before: Running) -> Unfolded:
    current: dict[str, dict[str, Any]] = {}
    leaving: dict[str, dict[str, Any]] = {}
    for model, entry in settings.items():
        made, last = (leaving, before.leaving) if LEAVING in entry else (current, before.applications)
        made[model] = _details(model, entry, view, reports, last.get(model))
    sizes = (sum(model.resident_bytes for model in reports.get(each, {}).values()) for each in view.running)
    return Unfolded(view, settings, reports, current, leaving, max(sizes, default=0))


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
    model: str,
    entry: Mapping[str, Any],
    view: _PoolView,
    reports: PoolReports,
    before: dict[str, Any] | None,
) -> dict[str, Any]:
    """A model's details in the form of Serve's ApplicationDetails: its replicas are those of the pool that serve it."""
    found = [reports.get(replica, {}).get(model) for replica in view.running]
    application = (before or {}).get("deployed_app_config", {})
    if not _is_of(application, view.pool, entry):
        application = _application(view.pool, model, entry)
    elif before is not None and before.get("view") is view and before["reports"] == found:
        return before
    state = state_in_pool(model, entry["fingerprint"], view.running, reports)
    as_seen = as_application(view.deployed, state)
    seen = state.furthest
    return {
        "view": view,
        "reports": found,
        "residency": {"residency": seen.residency, "resident_bytes": seen.resident_bytes} if seen else {},
        "had_requests": state.had_requests,
        "everywhere": 0 < len(view.running) == len(state.serving),
        "status": as_seen.status,
        "message": as_seen.message,
        "route_prefix": application["route_prefix"],
        "deployed_app_config": application,
        "deployments": {
            MODEL_DEPLOYMENT: {
                "message": "",
                "target_num_replicas": view.target,
                "replicas": [each for each in view.replicas if each["replica_id"] in state.serving],
            }
        },
    }


def _is_of(application: ServeConfig, pool: str, entry: Mapping[str, Any]) -> bool:
    """Whether an application is that of a pool's entry. The fingerprint stands for the arguments."""
    return (
        application.get(POOL) == pool
        and settings_of(application) == entry["settings"]
        and all(entry.get(key) == value for key, value in application["pooled"].items())
    )


def _replicas(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [replica for deployment in details["deployments"].values() for replica in deployment["replicas"]]
