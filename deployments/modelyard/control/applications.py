"""From resolved models to the config that Ray Serve runs: one application a model, and the gateway. Pure.

Serve compares applications by their config. What stands in `args` restarts the application's replicas when it changes,
so everything that changes answers is there, the artefact's digest included; replica counts and texts are not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.config.load import Config
from modelyard.config.model_spec import ModelSpec, Replicas
from modelyard.config.server_spec import ServerSpec
from modelyard.control.names import GATEWAY, ServeConfig
from modelyard.edge.model_maps import EdgeModel
from modelyard.repository.resolve import Rejected, Resolved

MODEL_IMPORT = "modelyard.replica.deployment:build"
GATEWAY_IMPORT = "modelyard.gateway.deployment:build"
MODEL_DEPLOYMENT = "model"
GATEWAY_DEPLOYMENT = "gateway"

NOT_IN_ARGS = {"replicas", "required", "description", "default", "version_labels"}
"""Fields of a spec that change without restarting a replica."""
UNBOUNDED = 1_000_000
"""Serve's own limits on requests, set out of the way: the model server admits, and says so in a client's terms."""
UPSCALE_DELAY_S = 2.0
DOWNSCALE_DELAY_S = 60.0
LOOK_BACK_S = 4.0
"""Seconds over which load is averaged. Serve's 30 s would make a burst wait half a minute for its second replica."""


def serve_config(
    config: Config,
    models: Sequence[Resolved | Rejected],
    *,
    kept: Mapping[str, ServeConfig],
    pinned: Mapping[str, ServeConfig] = {},
) -> ServeConfig:
    """The whole config; `models` are what became of `config.models`, in their order.

    A model in `pinned` has the application that is there. A refused model keeps the application it has (`kept`, by name): nothing
    is lost by a mistake. Only where its route has gone to another model it cannot.
    """
    applications = {
        model.spec.name: model_application(config, model) for model in models if isinstance(model, Resolved)
    }
    applications |= pinned
    routes = {application["route_prefix"] for application in applications.values()}
    for model in models:
        if (
            isinstance(model, Rejected)
            and model.name not in pinned
            and model.name in kept
            and kept[model.name]["route_prefix"] not in routes
        ):
            applications[model.name] = kept[model.name]
    catalogue = [
        catalogue_entry(spec, applications.get(spec.name), model.reason if isinstance(model, Rejected) else "")
        for spec, model in zip(config.models, models, strict=True)
    ]
    return {
        "proxy_location": "HeadOnly" if config.server.ray.address == "local" else "EveryNode",
        "applications": [gateway_application(config.server, catalogue), *applications.values()],
    }


def edge_models(config: ServeConfig) -> dict[str, EdgeModel]:
    """What the edge knows of the models in a config."""
    return {
        application["name"]: _edge_model(application["route_prefix"], application["args"]["spec"])
        for application in config["applications"]
        if application["name"] != GATEWAY
    }


def _edge_model(route: str, spec: Mapping[str, Any]) -> EdgeModel:
    # An application of an earlier release, which is kept, does not say whether it retries.
    return EdgeModel(route, spec["limits"]["timeout_s"], retries=spec.get("retry") != "never")


def model_application(config: Config, model: Resolved) -> ServeConfig:
    """One model's application."""
    spec, server = model.spec, config.server
    return {
        "name": spec.name,
        "route_prefix": spec.url_path,
        "import_path": MODEL_IMPORT,
        "args": {
            "spec": _filled_in(model).model_dump(mode="json", exclude=NOT_IN_ARGS),
            "runtime": model.runtime,
            "versions": [[version.number, version.digest] for version in model.versions],
            "repository": str(config.repository_root),
            "request_log": {
                "folder": str(config.state_dir / "requests"),
                "share": server.request_log.sample_rate,
                "slow_s": server.request_log.slow_s,
                "behind_edge": server.ray.address == "local",
            },
            "replicas": str(replicas_folder(config)),
            "tracing": server.tracing.model_dump() if server.tracing else None,
        },
        "deployments": [
            {
                "name": MODEL_DEPLOYMENT,
                "user_config": {
                    "description": spec.description,
                    "default": model.default,
                    "version_labels": spec.version_labels,
                },
                "ray_actor_options": _actor_options(spec),
                "health_check_period_s": 5.0,
                "health_check_timeout_s": 15.0,
                **_scaling(spec.replicas),
                **_lifecycle(server),
            }
        ],
    }


def replicas_folder(config: Config) -> Path:
    """Where replicas leave their logs: on the machine where each runs."""
    return config.state_dir / ("replicas" if config.server.ray.address == "local" else "cluster-replicas")


def gateway_application(server: ServerSpec, catalogue: Sequence[Mapping[str, Any]]) -> ServeConfig:
    """What answers where no model does. The catalogue is its user_config: it changes without a restart."""
    return {
        "name": GATEWAY,
        "route_prefix": "/",
        "import_path": GATEWAY_IMPORT,
        "args": {"body_limit": server.body},
        "deployments": [
            {
                "name": GATEWAY_DEPLOYMENT,
                "num_replicas": 1,
                "user_config": {"models": list(catalogue)},
                "ray_actor_options": {"num_cpus": 0},
                "max_ongoing_requests": UNBOUNDED,
                **_lifecycle(server),
            }
        ],
    }


def catalogue_entry(spec: ModelSpec, application: ServeConfig | None, refused: str) -> dict[str, Any]:
    """What the gateway knows of a model: how it is configured, and what its application, if it has one, serves."""
    return {
        "name": spec.name,
        "route": spec.url_path,
        "required": spec.required,
        "refused": refused,
        "description": spec.description,
        **(served_by(application) if application else {}),
    }


def served_by(application: ServeConfig) -> dict[str, Any]:
    """The part of a model's catalogue entry that its application decides, and not its file."""
    args = application["args"]
    (deployment,) = application["deployments"]
    chosen = deployment["user_config"]
    return {
        "route": application["route_prefix"],
        "runtime": args["runtime"],
        "versions": [{"version": str(number), "digest": digest} for number, digest in args["versions"]],
        "default_version": str(chosen["default"]),
        "version_labels": {label: str(number) for label, number in chosen["version_labels"].items()},
    }


def amend_catalogue(gateway: ServeConfig, told: Mapping[str, Mapping[str, Any]]) -> ServeConfig:
    """The gateway with these values in the catalogue entries of these models."""
    models = [{**model, **told.get(model["name"], {})} for model in catalogue_of(gateway)]
    (deployment,) = gateway["deployments"]
    return {**gateway, "deployments": [{**deployment, "user_config": {"models": models}}]}


def catalogue_of(gateway: ServeConfig) -> list[dict[str, Any]]:
    """The entries of the gateway's catalogue."""
    models: list[dict[str, Any]] = gateway["deployments"][0]["user_config"]["models"]
    return models


def by_name(config: ServeConfig) -> dict[str, ServeConfig]:
    """The applications, the gateway included."""
    return {application["name"]: application for application in config["applications"]}


def _filled_in(model: Resolved) -> ModelSpec:
    """The spec with what it leaves to be inferred: writing that down in the YAML later is no change then.

    Defaults are in it for the like reason: where a later release has other ones, replicas restart with them.
    """
    spec = model.spec
    inferred = {"runtime": spec.runtime or model.runtime, "path": spec.folder, "route": spec.url_path}
    return spec.model_copy(update=inferred)


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
    """Start the new before stopping the old, and let the old finish what it accepted."""
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
