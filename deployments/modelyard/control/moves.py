"""Models that move into a pool, out of it, or between two. Pure.

The place of before serves until the new one does: Serve runs the model in both meanwhile, and the edge sends requests to the first.
A place is a pool, or an application of the model's own.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelyard.control.catalogue_entries import amend_catalogue, served_by
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig
from modelyard.control.status import Running, deployed
from modelyard.ray_serve.application import CatalogueEntry, ServedModel
from modelyard.ray_serve.application_status import state_of

Reaches = Callable[[str], bool]
"""Whether the load balancer knows replicas of this application of Serve. It learns of them a moment after Serve."""

_NONE, _PARTIAL, _FULL = range(3)
"""How much a place serves a model: no replica that requests may go to can answer them, some can, or every one can."""


def with_places_of_before(running: Running, wanted: ServeConfig, reaches: Reaches) -> ServeConfig:
    """`wanted`, with the applications that serve models until their new places do, under "leaving"."""
    routes = {each["route_prefix"]: each["name"] for each in wanted["applications"]}
    leaving = [
        place
        for each in wanted["applications"]
        # Serve accepts no route twice: a model that gives its route to another one leaves its place at once.
        if (place := _leaving(running, each, reaches))
        and routes.get(place["route_prefix"], each["name"]) == each["name"]
    ]
    served = {application["name"]: served_by(application) for application in leaving}
    applications = [
        _amended(each, served) if served and each["name"] == GATEWAY else each for each in wanted["applications"]
    ]
    return with_needed_pools(running, {**wanted, "applications": applications, "leaving": leaving})


def with_needed_pools(running: Running, wanted: ServeConfig) -> ServeConfig:
    """`wanted`, with the running pools that its applications need and the configuration does not hold."""
    names = {pool["name"] for pool in wanted["pools"]}
    needed = {each[POOL] for each in (*wanted["applications"], *wanted["leaving"]) if POOL in each} - names
    return {**wanted, "pools": [*wanted["pools"], *(running.pool_configs[name] for name in sorted(needed))]}


def pools_without_removed(running: Running, wanted: ServeConfig) -> dict[str, ServeConfig]:
    """The running pools by application, without those that will be removed when their models have arrived elsewhere."""
    names = {pool["name"] for pool in wanted["pools"]}
    left = {config.get(POOL) for config in running.leaving_configs.values()}
    return {name: config for name, config in running.pool_configs.items() if name in names or name not in left}


def over(running: Running, reaches: Reaches) -> bool:
    """Whether a model has arrived at its new place, and still runs in the one before."""
    return any(_has_arrived(running.applications.get(name), reaches) for name in running.leaving_configs)


def places(config: ServeConfig) -> Iterator[tuple[ServeConfig, ServeConfig]]:
    """For each model, the application that requests go to, and the one that it has, or to which it moves. The gateway too."""
    leaving = {application["name"]: application for application in config["leaving"]}
    return ((leaving.get(each["name"], each), each) for each in config["applications"])


def _amended(gateway: ServeConfig, served: Mapping[str, ServedModel]) -> ServeConfig:
    def amended(entry: CatalogueEntry) -> CatalogueEntry:
        return entry.amended(served=served[entry.name]) if entry.name in served else entry

    return amend_catalogue(gateway, amended)


def _leaving(running: Running, wanted: ServeConfig, reaches: Reaches) -> ServeConfig | None:
    """The application that goes on serving the wanted one's model for now; None if none does."""
    name = wanted["name"]
    current, before = running.applications.get(name), running.leaving.get(name)
    if _is_at(current, wanted):
        if before is None or _has_arrived(current, reaches) or _service(current) > _service(before):
            return None
        return running.leaving_configs.get(name)
    if _is_at(before, wanted) and _service(before) >= max(_PARTIAL, _service(current)):
        return None  # it goes back before it has arrived
    place = max((each for each in (current, before) if not _is_at(each, wanted)), key=_service)
    config: ServeConfig | None = place.get("deployed_app_config") if place and _service(place) else None
    return config


def _is_at(details: Mapping[str, Any] | None, wanted: ServeConfig) -> bool:
    """Whether this is the wanted application's place."""
    config = (details or {}).get("deployed_app_config")
    return config is not None and config.get(POOL) == wanted.get(POOL)


def _service(details: Mapping[str, Any] | None) -> int:
    """How much this place serves its model."""
    if details is None or state_of(deployed(details)) != "READY":
        return _NONE
    return _FULL if details.get("everywhere", True) else _PARTIAL


def _has_arrived(details: Mapping[str, Any] | None, reaches: Reaches) -> bool:
    if details is None or not details.get("deployed_app_config"):
        return False
    seen, config = deployed(details), details["deployed_app_config"]
    # Without a replica it is scaled to zero, and the first request starts one.
    return seen.status == "RUNNING" and (
        not seen.replica_states.get("RUNNING") or reaches(config.get(POOL) or config["name"])
    )
