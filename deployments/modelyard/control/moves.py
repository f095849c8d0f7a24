"""Models that move into a pool, out of it, or between two. Pure.

The place of before serves until the new one does: Serve runs the model in both meanwhile, and the edge sends requests to the first.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.control.catalogue_entries import amend_catalogue, catalogue_of, served_by
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig
from modelyard.control.status import Running, deployed
from modelyard.ray_serve.application import ServedModel
from modelyard.ray_serve.application_status import state_of


def with_places_of_before(running: Running, wanted: ServeConfig) -> ServeConfig:
    """`wanted`, with the applications that serve models until their new places do, under "leaving"."""
    leaving = [application for each in wanted["applications"] if (application := _leaving(running, each))]
    names = {pool["name"] for pool in wanted["pools"]}
    needed = {application[POOL] for application in leaving if POOL in application} - names
    pools = [config for name, config in running.pool_configs.items() if name in needed]
    served = {application["name"]: served_by(application) for application in leaving}
    applications = [
        _amended(each, served) if served and each["name"] == GATEWAY else each for each in wanted["applications"]
    ]
    return {**wanted, "applications": applications, "pools": [*wanted["pools"], *pools], "leaving": leaving}


def _amended(gateway: ServeConfig, served: Mapping[str, ServedModel]) -> ServeConfig:
    entries = {
        each.name: each.amended(served=served[each.name]) for each in catalogue_of(gateway) if each.name in served
    }
    return amend_catalogue(gateway, entries)


def over(running: Running) -> bool:
    """Whether a model has arrived at its new place, and still runs in the one before."""
    return any(_is_through(running, name) for name in running.leaving)


def _leaving(running: Running, wanted: ServeConfig) -> ServeConfig | None:
    """The application that goes on serving the wanted one's model for now; None if none does."""
    name = wanted["name"]
    current = running.configs.get(name)
    if current is None:
        return None
    if current.get(POOL) != wanted.get(POOL):
        return current if _serves(running.applications[name]) else None
    before = running.leaving.get(name)
    return None if before is None or _is_through(running, name) else before


def _serves(details: dict[str, Any]) -> bool:
    return state_of(deployed(details)) == "READY"


def _is_through(running: Running, name: str) -> bool:
    return name not in running.applications or deployed(running.applications[name]).status == "RUNNING"


def places(config: ServeConfig) -> Iterator[ServeConfig]:
    """The application that requests of each model go to, the gateway's included."""
    leaving = {application["name"]: application for application in config["leaving"]}
    return (leaving.get(application["name"], application) for application in config["applications"])
