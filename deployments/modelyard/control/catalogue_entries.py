"""The gateway's catalogue, as the control path writes it into the gateway's settings and reads it back. Pure."""

from collections.abc import Callable, Mapping

from modelyard.config.model_spec import ModelSpec
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig, settings_of, versions_of
from modelyard.ray_serve.application import CatalogueEntry, GatewaySettings, ServedModel
from modelyard.repository.resolve import ServedVersion


def catalogue_entry(spec: ModelSpec, application: ServeConfig | None, refused: str) -> CatalogueEntry:
    """A model's catalogue entry: its configuration, and what its application serves if it has one."""
    return CatalogueEntry(
        name=spec.name,
        route=spec.url_path,
        required=spec.required,
        description=spec.description,
        refused=refused,
        served=served_by(application) if application else None,
    )


def catalogue_of(gateway: ServeConfig) -> tuple[CatalogueEntry, ...]:
    """The entries of the gateway's catalogue. Raises ValueError for what another release wrote."""
    return GatewaySettings.from_plain(settings_of(gateway)).models


def running_catalogue(applications: Mapping[str, ServeConfig]) -> tuple[CatalogueEntry, ...]:
    """The entries of the running gateway. None if there is no gateway, or if another release deployed it on the cluster."""
    try:
        return catalogue_of(applications[GATEWAY])
    except (KeyError, ValueError):
        return ()


def amend_catalogue(gateway: ServeConfig, amended: Callable[[CatalogueEntry], CatalogueEntry]) -> ServeConfig:
    """The gateway with what `amended` makes of each entry."""
    settings = GatewaySettings(models=tuple(map(amended, catalogue_of(gateway))))
    (deployment,) = gateway["deployments"]
    return {**gateway, "deployments": [{**deployment, "user_config": settings.to_plain()}]}


def served_by(application: ServeConfig) -> ServedModel:
    """The part of a model's catalogue entry that its application decides, and not its file."""
    settings = settings_of(application)
    return ServedModel(
        route=application["route_prefix"],
        runtime=application["args"]["runtime"],
        versions=tuple(ServedVersion(number, digest) for number, digest in versions_of(application)),
        default=settings["default"],
        version_labels=settings["version_labels"],
        application=application.get(POOL) or application["name"],
        fingerprint=application.get("pooled", {}).get("fingerprint", ""),
    )
