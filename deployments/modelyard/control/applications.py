"""From resolved models to the config that Ray Serve runs: one application for each model, the pools, and the gateway. Pure.

Serve compares applications by their config. A change of `args` restarts the application's replicas, so everything that could
change an answer is there, the artefact's digest included. Settings (`user_config`) and replica counts apply in place. The settings
of pools and of the gateway do not reach Serve; see `followed_settings`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.config.load import Config
from modelyard.config.model_spec import ModelSpec, Replicas, Resources
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.control.catalogue_entries import catalogue_entry
from modelyard.control.moves import places
from modelyard.control.pools import POOL_IMPORT, pooled_application
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig, settings_of
from modelyard.edge.model_maps import SPREAD_ABOVE, EdgeModel
from modelyard.ray_serve.application import (
    GATEWAY_DEPLOYMENT,
    MODEL_DEPLOYMENT,
    CatalogueEntry,
    GatewayArgs,
    GatewaySettings,
    ModelArgs,
    ModelSettings,
    PoolArgs,
    PoolMember,
    RequestLogArgs,
)
from modelyard.repository.resolve import Rejected, Resolved

MODEL_IMPORT = "modelyard.replica.deployment:build"
GATEWAY_IMPORT = "modelyard.gateway.deployment:build"

HEALTH_CHECKS = {"health_check_period_s": 5.0, "health_check_timeout_s": 15.0}
UNBOUNDED = 1_000_000
"""Serve's own limits on requests, which must not apply: the scheduler limits them, and rejects in the protocol's form."""
UPSCALE_DELAY_S = 2.0
DOWNSCALE_DELAY_S = 60.0
LOOK_BACK_S = 4.0
"""Seconds over which load is averaged. With Serve's 30 s, a burst would wait half a minute for its second replica."""


def serve_config(
    config: Config,
    models: Sequence[Resolved | Rejected],
    *,
    deployed: Mapping[str, ServeConfig],
    good: Mapping[str, ServeConfig] = {},
    pinned: Mapping[str, ServeConfig] = {},
) -> ServeConfig:
    """The whole config; `models` are the results for `config.models`, in their order.

    A model in `pinned` has the application that is there. A refused model keeps the application that it has in `deployed`, by name,
    unless another model has its route now. `good` are the applications that last answered, by name: see `model_application`.
    """
    applications = {
        model.spec.name: model_application(config, model, good.get(model.spec.name) or deployed.get(model.spec.name))
        for model in models
        if isinstance(model, Resolved)
    }
    applications |= pinned
    routes = {application["route_prefix"] for application in applications.values()}
    for model in models:
        if (
            isinstance(model, Rejected)
            and model.name not in pinned
            and model.name in deployed
            and deployed[model.name]["route_prefix"] not in routes
        ):
            applications[model.name] = deployed[model.name]
    catalogue = [
        catalogue_entry(spec, applications.get(spec.name), model.reason if isinstance(model, Rejected) else "")
        for spec, model in zip(config.models, models, strict=True)
    ]
    return {
        "proxy_location": "HeadOnly" if config.server.ray.address == "local" else "EveryNode",
        "applications": [gateway_application(config.server, catalogue), *applications.values()],
        "pools": [pool_application(config, pool) for pool in config.pools],
        "leaving": [],
    }


def edge_models(config: ServeConfig) -> dict[str, EdgeModel]:
    """The models of a config, for the edge."""
    targets = {pool["name"]: _target_in_flight(pool) for pool in config["pools"]}
    return {
        current["name"]: _edge_model(current, target, targets)
        for current, target in places(config)
        if current["name"] != GATEWAY
    }


def _edge_model(current: ServeConfig, target: ServeConfig, targets: Mapping[str, int]) -> EdgeModel:
    """`targets` are those of autoscaling, by pool."""
    return EdgeModel(
        current["route_prefix"],
        settings_of(current)["limits"]["timeout_s"],
        retries=current["args"]["spec"]["retry"] != "never",
        pool=current.get(POOL, ""),
        spread_above=targets.get(current.get(POOL, ""), SPREAD_ABOVE),
        moves_out_to=target["route_prefix"] if POOL in current and POOL not in target else "",
    )


def _target_in_flight(pool: ServeConfig) -> int:
    """As a whole number. Without autoscaling it is the default one."""
    (deployment,) = pool["deployments"]
    target: float = deployment.get("autoscaling_config", {}).get("target_ongoing_requests", SPREAD_ABOVE)
    return max(1, round(target))


def edge_applications(config: ServeConfig) -> set[str]:
    """The names of Serve's applications in a config, without the gateway."""
    alone = {each["name"] for each in (*config["applications"], *config["leaving"]) if POOL not in each}
    return alone - {GATEWAY} | {pool["name"] for pool in config["pools"]}


def model_application(config: Config, model: Resolved, deployed: ServeConfig | None = None) -> ServeConfig:
    """One model's application; of a pooled model in the form that `pools.fold` takes.

    `deployed` is the application that answers now. Its replicas have proved at load that rows may share a batch of up to
    `args.spec.batching.max_size` rows. Where nothing else restarts them, this size stays in `args`, so that a smaller
    `batching.max_size` applies in place; a larger one restarts them, and they prove it.
    """
    spec, server = model.spec, config.server
    args = ModelArgs(
        spec=_filled_in(model, config.pool_of(spec)),
        runtime=model.runtime,
        versions=model.versions,
        repository=config.repository_root,
        replicas=replicas_folder(config),
        request_log=RequestLogArgs(
            folder=config.state_dir / "requests",
            share=server.request_log.sample_rate,
            slow_s=server.request_log.slow_s,
            behind_edge=server.ray.address == "local",
        ),
        tracing=server.tracing,
    )
    plain, settings = _with_proved_size(args, deployed), ModelSettings.of(spec, model.default).to_plain()
    if pool := config.pool_of(spec):
        pooled = {
            "load": spec.load or pool.load,
            "pinned": spec.pinned,
            "fingerprint": PoolMember.fingerprint(plain),
        }
        return pooled_application(pool.application, spec.name, plain, settings, pooled)
    return {
        "name": spec.name,
        "route_prefix": spec.url_path,
        "import_path": MODEL_IMPORT,
        "args": plain,
        "deployments": [
            {
                "name": MODEL_DEPLOYMENT,
                "user_config": settings,
                "ray_actor_options": _actor_options(spec),
                **HEALTH_CHECKS,
                **_scaling(spec.replicas),
                **_lifecycle(server),
            }
        ],
    }


def pool_application(config: Config, pool: PoolSpec) -> ServeConfig:
    """A pool's application, without its models."""
    args = PoolArgs(
        name=pool.name,
        application=pool.application,
        memory=pool.memory,
        cpus=pool.resources.cpus,
        replicas=replicas_folder(config),
    )
    return {
        "name": pool.application,
        "route_prefix": f"/{pool.application}",
        "import_path": POOL_IMPORT,
        "args": args.to_plain(),
        "deployments": [
            {
                "name": MODEL_DEPLOYMENT,
                "user_config": {"models": {}},
                "ray_actor_options": {"num_cpus": pool.resources.cpus},
                **HEALTH_CHECKS,
                **_scaling(pool.replicas),
                **_lifecycle(config.server),
            }
        ],
    }


def _with_proved_size(args: ModelArgs, deployed: ServeConfig | None) -> dict[str, Any]:
    """The plain values of `args`, with the batch size of `deployed` if that is larger and the only difference."""
    before = deployed.get("args", {}) if deployed else {}
    proved = before.get("spec", {}).get("batching", {}).get("max_size", 0)
    if proved > args.spec.batching.max_size and (plain := args.proving(proved).to_plain()) == before:
        return plain
    return args.to_plain()


def replicas_folder(config: Config) -> Path:
    """Where replicas write their own files, on the machine where each runs."""
    return config.state_dir / ("replicas" if config.server.ray.address == "local" else "cluster-replicas")


def gateway_application(server: ServerSpec, catalogue: Sequence[CatalogueEntry]) -> ServeConfig:
    """The application that answers what no model does. Its settings are the catalogue, which changes without a restart."""
    return {
        "name": GATEWAY,
        "route_prefix": "/",
        "import_path": GATEWAY_IMPORT,
        "args": GatewayArgs(body_limit=server.body).to_plain(),
        "deployments": [
            {
                "name": GATEWAY_DEPLOYMENT,
                "num_replicas": 1,
                "user_config": GatewaySettings(models=tuple(catalogue)).to_plain(),
                "ray_actor_options": {"num_cpus": 0},
                "max_ongoing_requests": UNBOUNDED,
                **_lifecycle(server),
            }
        ],
    }


def _filled_in(model: Resolved, pool: PoolSpec | None) -> ModelSpec:
    """The spec with its inferred values, so that writing them into the YAML is no change.

    It holds the resources of the pool, and the defaults, so that replicas restart if a later release has other defaults.
    """
    spec = model.spec
    inferred = {"runtime": spec.runtime or model.runtime, "path": spec.folder, "route": spec.url_path}
    resources = {"resources": Resources(cpus=pool.resources.cpus)} if pool else {}
    return spec.model_copy(update={**inferred, **resources})


def _scaling(replicas: Replicas) -> dict[str, Any]:
    if replicas.min == replicas.max:
        return {"num_replicas": replicas.min, "max_ongoing_requests": UNBOUNDED}
    return {
        "max_ongoing_requests": UNBOUNDED,
        "autoscaling_config": {
            "min_replicas": replicas.min,
            "max_replicas": replicas.max,
            "target_ongoing_requests": replicas.target_in_flight,
            "upscale_delay_s": UPSCALE_DELAY_S,
            "downscale_delay_s": DOWNSCALE_DELAY_S,
            "look_back_period_s": LOOK_BACK_S,
            # Serve means to replace this by environment variables, which 2.60 does not read yet.
            "metrics_interval_s": 1.0,
        },
    }


def _lifecycle(server: ServerSpec) -> dict[str, Any]:
    """Start a new replica before the old one stops, and let the old one finish the requests that it has accepted."""
    return {
        "max_surge_percent": 100,
        "graceful_shutdown_wait_loop_s": 0.5,
        "graceful_shutdown_timeout_s": server.drain_s + 60.0,
    }


def _actor_options(spec: ModelSpec) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": spec.resources.cpus}
    if spec.resources.memory:
        options["memory"] = spec.resources.memory
    return options
