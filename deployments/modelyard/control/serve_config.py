"""The config that Ray Serve runs, as plain values, and how to read it. Light: the command imports it before it does anything."""

from collections.abc import Mapping
from typing import Any

GATEWAY = "gateway"
"""The application that answers what no model does."""

POOL = "pool"
"""The key under which the application of a pooled model names its pool's application; see `pools`."""

ServeConfig = dict[str, Any]
"""A `ServeDeploySchema`, or one of its applications, as plain values. The whole config has the pools apart until `pools.fold`."""


def by_name(config: ServeConfig) -> dict[str, ServeConfig]:
    """The applications, the gateway included."""
    return {application["name"]: application for application in config["applications"]}


def versions_of(application: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Number and digest of each version that a model's application serves, newest first.

    None for an application of another kind, or of a release that wrote them in another form.
    """
    versions = (application.get("args") or {}).get("versions", ())
    return [(version["number"], version["digest"]) for version in versions if isinstance(version, dict)]


def settings_of(application: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a model's application; none for an application of another kind."""
    deployments = application.get("deployments") or [{}]
    return deployments[0].get("user_config") or {}


def catalogue_of(gateway: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of the gateway's catalogue."""
    models: list[dict[str, Any]] = settings_of(gateway)["models"]
    return models


def amend_catalogue(gateway: ServeConfig, changes: Mapping[str, Mapping[str, Any]]) -> ServeConfig:
    """The gateway with these values in the catalogue entries of these models."""
    models = [{**model, **changes.get(model["name"], {})} for model in catalogue_of(gateway)]
    (deployment,) = gateway["deployments"]
    return {**gateway, "deployments": [{**deployment, "user_config": {"models": models}}]}


def served_by(application: ServeConfig) -> dict[str, Any]:
    """The part of a model's catalogue entry that its application decides, and not its file."""
    settings = settings_of(application)
    return {
        "route": application["route_prefix"],
        "runtime": application["args"]["runtime"],
        "versions": [{"version": str(number), "digest": digest} for number, digest in versions_of(application)],
        "default_version": str(settings["default"]),
        "version_labels": {label: str(number) for label, number in settings["version_labels"].items()},
        "application": application.get(POOL, application["name"]),
        "fingerprint": application.get("pooled", {}).get("fingerprint", ""),
    }
