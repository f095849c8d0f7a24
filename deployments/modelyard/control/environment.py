"""The environment in which Ray and Serve run as this server needs them. Pure: it is set where processes are started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.server_spec import ServerSpec
from modelyard.control.paths import ServerPaths
from modelyard.edge.connections import connections
from modelyard.edge.files import ADMIN_SOCKET, LAUNCHER

FAST_PATH_CALLBACK = "modelyard.http.install:install"
MAX_SESSION_S = 3660
"""For a WebSocket or stream of one model that outlives changes of others. Serve keeps the port of a replica that has ended free
for as long, and has a thousand of them on a machine."""
RAY_TOKEN = Path(".ray", "auth_token")
"""Where Ray looks for a token in the home directory."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Its console handler would mix with what the command prints.
    "RAY_SERVE_LOG_TO_STDERR": "0",
}


@dataclass(frozen=True, slots=True)
class EdgePorts:
    """Ports of Serve's own HAProxy that nobody is meant to use; chosen free at each start."""

    serve: int
    fallback: int
    """Of Serve's Python proxy, which answers while a model has no replica."""
    metrics: int
    stats: int


def attach_environment(paths: ServerPaths) -> dict[str, str]:
    """What any process needs to talk to the running Ray."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(paths.token),
        **QUIET,
    }


def cluster_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """What a process needs to talk to somebody else's Ray, besides what it has.

    `ray start` turns authentication on where it finds a token; a client does so only if it is told to.
    """
    token = any(name in environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")) or (home / RAY_TOKEN).exists()
    mode = {"RAY_AUTH_MODE": "token"} if token and "RAY_AUTH_MODE" not in environ else {}
    return {**mode, **QUIET}


def server_environment(
    server: ServerSpec, paths: ServerPaths, ports: EdgePorts, haproxy: Path, *, cores: int, files: int
) -> dict[str, str]:
    """What the processes of the server itself need, on this many cores and with so many open files."""
    edge = paths.edge
    return {
        **attach_environment(paths),
        "TMPDIR": str(paths.scratch),
        # HAProxy sends requests straight to the replicas (ADR 1).
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": FAST_PATH_CALLBACK,
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(LAUNCHER),
        "MODELYARD_HAPROXY": str(haproxy),
        "MODELYARD_EDGE": str(edge),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(edge / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(edge / ADMIN_SOCKET),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(edge / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(edge),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(edge / "server-state"),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.stats),
        "RAY_SERVE_HAPROXY_MAXCONN": str(connections(server.connections, files).in_all),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(max(1, cores // 4)),
        # Per-request metrics of Serve's own frontend, which no request passes.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        # A replica that left is forgotten before it stops answering (drain_s).
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": f"{server.drain_s:g}",
        # Every change starts a new HAProxy; the old one keeps its WebSockets and streams for so long. Connections that are idle
        # must not close meanwhile (RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S): see edge/takeover.py.
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": f"{MAX_SESSION_S}",
        # Its 60 s are few for a Python process beside others that start; one that is given up is started again.
        "RAY_worker_register_timeout_seconds": "300",
        # A request whose replica dies goes to another; see edge/retries.py. The first connection that a replica refuses marks it
        # down, so that where none is left the next try reaches Serve's own proxy, which waits for a new one: the fourth, where two
        # replicas die at once and the request was in both, or later, where it meets connections that have died with them.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "8",
        "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",
        # A replica that fails its health check does not hear that it is to stop.
        "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",
        # A killed HAProxy is seen after one missed check, and is back within seconds.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "2",
        # Serve's own 5 s are too few for a proxy's first start beside a dozen models that load.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        # Throughput mode keeps 1000 lines back; what a replica warns of is for `modelyard logs` now.
        "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
        # A model that cannot start is told so after two tries, not after 20 minutes.
        "RAY_SERVE_MAX_PER_REPLICA_RETRY_COUNT": "2",
        # A replica for which there is no room is told of after seconds.
        "RAY_SERVE_SLOW_STARTUP_WARNING_S": "5",
        "RAY_SERVE_SLOW_STARTUP_WARNING_PERIOD_S": "5",
    }
