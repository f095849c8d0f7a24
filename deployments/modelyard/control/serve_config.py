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
