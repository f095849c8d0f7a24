"""What the edge knows of the models, as HAProxy's map files. Pure text.

HAProxy reads a map at its start. All that stands here changes only with a model's replicas, and then Serve starts a new HAProxy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ROUTES_FILE = "routes.map"
NAMES_FILE = "names.map"
"""The routes of those models that have another than /models/<name>."""
TIMEOUTS_FILE = "timeouts.map"
"""Milliseconds in which a replica answers, or sends the next part of a stream."""
NO_RETRY_FILE = "once.map"
"""Models whose requests are never sent to a second replica."""
REPLICAS_FILE = "replicas.map"
"""Models that have replicas; the launcher writes it at each start of HAProxy, from Serve's own file."""
STATE_FILE = "state.map"
"""Empty, until the server is about to stop: then it has STOPPING."""
STOPPING = "leaving"
MAX_TIMEOUT_MS = 3_600_000
"""For a model that the edge does not know yet; as the frontends' `timeout server`."""
TIMEOUT_MARGIN_S = 3.0
"""For a replica that answers 504 itself, at its own limit, and is late."""

# For the frontends, in HAProxy's words.
TIMEOUT = f"var(txn.model),map_str_int({TIMEOUTS_FILE},{MAX_TIMEOUT_MS})"
"""The time-out of the model that a request is for."""
IS_STOPPING = f"{{ str({STOPPING}),map({STATE_FILE}) -m found }}"
"""The condition that the server is about to stop."""


@dataclass(frozen=True, slots=True)
class EdgeModel:
    """One model."""

    route: str
    timeout_s: float = 10.0
    """The limit of its replicas for a request."""
    retries: bool = True
    """Whether a request whose replica died goes to another."""


Models = Mapping[str, EdgeModel]
"""By name."""


def custom_routes(models: Models) -> dict[str, str]:
    """Models by their routes, of those that are not where their names say."""
    return {model.route: name for name, model in sorted(models.items()) if model.route != f"/models/{name}"}


def render_maps(models: Models) -> dict[str, str]:
    """The map files by name, but for REPLICAS_FILE."""
    routes = custom_routes(models)
    return {
        ROUTES_FILE: _map({f"{route}/": name for route, name in routes.items()}),
        NAMES_FILE: _map({name: route for route, name in routes.items()}),
        TIMEOUTS_FILE: _map(
            {name: round((model.timeout_s + TIMEOUT_MARGIN_S) * 1000) for name, model in models.items()}
        ),
        NO_RETRY_FILE: _map({name: 1 for name, model in models.items() if not model.retries}),
    }


def _map(values: Mapping[str, object]) -> str:
    """A key and its value a line."""
    return "".join(f"{key} {value}\n" for key, value in sorted(values.items()))
