"""HAProxy map files: what the edge knows about each model. Pure text.

HAProxy reads a map at its start. What changes without a start of HAProxy, `control.edge_maps` sends to the running process.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.config.url_paths import APPLICATION_PREFIX

ROUTES_FILE = "routes.map"
"""Route to model, of models that have or are about to get an application of their own, and whose route is not /models/<name>."""
NAMES_FILE = "names.map"
"""Model to route, of the same models."""
TIMEOUTS_FILE = "timeouts.map"
"""Milliseconds in which a replica must answer, or send the next part of a stream."""
NO_RETRY_FILE = "no-retry.map"
"""Models whose requests are never sent to a second replica."""
POOLS_FILE = "pools.map"
"""Model to its pool's application, of models in pools."""
POOL_ROUTES_FILE = "pool-routes.map"
"""As ROUTES_FILE, of models in pools."""
SPREAD_FILE = "spread.map"
"""Requests in flight to a model of a pool above which its requests go to any replica, where that is not SPREAD_ABOVE."""
LIVE_FILES = (TIMEOUTS_FILE, NO_RETRY_FILE, POOLS_FILE, POOL_ROUTES_FILE, SPREAD_FILE)
"""The maps that change in the running HAProxy. ROUTES_FILE does not: the replicas of before answer at the routes of before."""
REPLICAS_FILE = "replicas.map"
"""Applications that have replicas. The launcher writes it at each start of HAProxy, from Serve's configuration file."""
STATE_FILE = "state.map"
"""Empty until the server is about to stop; then it holds STOPPING."""
STOPPING = "stopping"
SPREAD_ABOVE = 8
"""The default target of autoscaling for one replica."""
MAX_TIMEOUT_MS = 3_600_000
"""For a model that is not in TIMEOUTS_FILE; equals the frontends' `timeout server`."""
TIMEOUT_MARGIN_S = 3.0
"""Added to a model's time limit: a replica sends 504 itself at the limit, and may be late."""

# HAProxy expressions for the frontends.
TIMEOUT = f"var(txn.model),map_str_int({TIMEOUTS_FILE},{MAX_TIMEOUT_MS})"
"""The timeout of the model that a request is for."""
SET_APPLICATION = f"""\
    # A pool's application is no model.
    http-request unset-var(txn.model) if {{ var(txn.model) -m beg {APPLICATION_PREFIX} }}
    # The application that serves the model: its own, or its pool's. A rule whose map has no entry sets nothing.
    http-request set-var(txn.app) var(txn.model) if has_model
    http-request set-var(txn.app) var(txn.model),map({POOLS_FILE})
"""
"""Sets `txn.app` from `txn.model`."""
IS_STOPPING = f"{{ str({STOPPING}),map({STATE_FILE}) -m found }}"
"""The condition that the server is about to stop."""


@dataclass(frozen=True, slots=True)
class EdgeModel:
    """One model."""

    route: str
    timeout_s: float = 10.0
    """Its replicas' time limit for a request."""
    retries: bool = True
    """Whether a request whose replica died is sent to another replica."""
    pool: str = ""
    """The application of its pool; "" if the model has an application of its own."""
    spread_above: int = SPREAD_ABOVE
    """Of a model in a pool: requests in flight, in all replicas, above which its requests go to any replica; see `pool_spread`."""
    moves_out_to: str = ""
    """Of a model that is about to leave its pool: the route of the application of its own."""


Models = Mapping[str, EdgeModel]
"""By name."""


def render_maps(models: Models) -> dict[str, str]:
    """The map files by name, except REPLICAS_FILE and STATE_FILE."""
    alone, pooled = {}, {}
    for name, model in models.items():
        usual = f"/models/{name}"
        # HAProxy starts when the model's own application gets its replica, and must have the route by then.
        if (own := model.moves_out_to if model.pool else model.route) not in ("", usual):
            alone[name] = own
        if model.pool and model.route != usual:
            pooled[name] = model.route
    return {
        ROUTES_FILE: _map({f"{route}/": name for name, route in alone.items()}),
        NAMES_FILE: _map(alone),
        POOL_ROUTES_FILE: _map({f"{route}/": name for name, route in pooled.items()}),
        TIMEOUTS_FILE: _map(
            {name: round((model.timeout_s + TIMEOUT_MARGIN_S) * 1000) for name, model in models.items()}
        ),
        SPREAD_FILE: _map(
            {name: each.spread_above for name, each in models.items() if each.spread_above != SPREAD_ABOVE}
        ),
        POOLS_FILE: _map({name: model.pool for name, model in models.items() if model.pool}),
        NO_RETRY_FILE: _map({name: 1 for name, model in models.items() if not model.retries}),
    }


def _map(values: Mapping[str, object]) -> str:
    """One line with a key and its value for each entry."""
    return "".join(f"{key} {value}\n" for key, value in sorted(values.items()))
