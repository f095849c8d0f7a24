"""The environment variables with which Ray and Serve run. Pure: they are set where processes are started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.server_spec import ServerSpec
from modelyard.control.paths import ServerPaths
from modelyard.edge.connections import connection_limits
from modelyard.edge.files import ADMIN_SOCKET, LAUNCHER

FAST_PATH_CALLBACK = "modelyard.http.install:install"
CONTROL_LOOP_CALLBACK = "modelyard.control.serve_control_loop:install"
MAX_SESSION_S = 3660
"""How long a WebSocket or stream may outlive changes of other models. Serve reserves the port of a replica that has ended for as
long, and has a thousand ports on a machine."""
RAY_TOKEN = Path(".ray", "auth_token")
"""The path of Ray's token in the home directory."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Its console handler would mix with what the command prints.
    "RAY_SERVE_LOG_TO_STDERR": "0",
}


@dataclass(frozen=True, slots=True)
class EdgePorts:
    """Ports of Serve's own HAProxy, which no client uses; chosen from the free ports at each start."""

    serve: int
    fallback: int
    """The port of Serve's Python proxy, which answers while a model has no replica."""
    metrics: int
    stats: int


def attach_environment(paths: ServerPaths) -> dict[str, str]:
    """For any process that connects to the running Ray."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(paths.token),
        **QUIET,
    }


def cluster_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """For a process that connects to the Ray of a cluster, in addition to its environment.

    `ray start` turns authentication on if it finds a token; a client does so only if RAY_AUTH_MODE says so.
    """
    token = any(name in environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")) or (home / RAY_TOKEN).exists()
    mode = {"RAY_AUTH_MODE": "token"} if token and "RAY_AUTH_MODE" not in environ else {}
    return {**mode, **QUIET}


def server_environment(
    server: ServerSpec, paths: ServerPaths, ports: EdgePorts, haproxy: Path, *, cores: int, files: int
) -> dict[str, str]:
    """For the server's own processes, on this many cores and with at most `files` open files."""
    edge = paths.edge
    return {
        **attach_environment(paths),
        "TMPDIR": str(paths.scratch),
        # glibc has up to eight heaps for each core, and memory that is free in one of them is not used by threads of another. Each
        # model is loaded in a thread of its own: 10,000 loads and evictions made a process with a pool 12 % larger. With two heaps,
        # 6,000 of them made it 0.4 % larger.
        "MALLOC_ARENA_MAX": "2",
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
        "RAY_SERVE_HAPROXY_MAXCONN": str(connection_limits(server.connections, files).total),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(max(1, cores // 4)),
        # Per-request metrics of Serve's own frontend, which no request uses.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        # A replica that stops keeps answering until the load balancer has removed it (drain_s).
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": f"{server.drain_s:g}",
        # Every change starts another HAProxy; the one before keeps its WebSockets and streams for so long. Idle connections must
        # not close meanwhile (RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S): see edge/takeover.py.
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": f"{MAX_SESSION_S}",
        # Each replica, and the proxy for each application, exports Serve's metrics of requests so often. The default is 100 ms; Ray
        # reports metrics every 10 s, and requests do not pass what counts them.
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "10000",
        # The latency of event loops, which Serve measures in each process.
        "RAY_SERVE_EVENT_LOOP_MONITORING_INTERVAL_S": "60",
        # The history of calls for `ray list tasks`, which each process of Ray would send each second.
        "RAY_task_events_report_interval_ms": "0",
        "RAY_SERVE_CONTROLLER_CALLBACK_IMPORT_PATH": CONTROL_LOOP_CALLBACK,
        # The default of 60 s is too short for a Python process beside others that start; Ray would start another one.
        "RAY_worker_register_timeout_seconds": "300",
        # A request whose replica dies goes to another; see edge/retries.py. The first connection that a replica refuses marks it
        # down, so that if none is left the next try reaches Serve's own proxy, which waits for another replica. That is the fourth
        # try if two replicas die at once and the request was in both, or a later one if it meets their dead connections.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "8",
        "RAY_SERVE_HAPROXY_OBSERVE_ERROR_LIMIT": "1",
        # A replica that fails its health check does not respond to a graceful stop.
        "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",
        # A killed HAProxy is noticed after one missed check, and is restarted within seconds.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "2",
        # The default of 5 s is too short for a proxy's first start beside a dozen models that load.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        # Throughput mode buffers 1000 lines; a replica's warnings must be in `modelyard logs` at once.
        "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
        # A model that cannot start fails after two tries, not after 20 minutes.
        "RAY_SERVE_MAX_PER_REPLICA_RETRY_COUNT": "2",
        # A replica that waits for resources is reported after seconds.
        "RAY_SERVE_SLOW_STARTUP_WARNING_S": "5",
        "RAY_SERVE_SLOW_STARTUP_WARNING_PERIOD_S": "5",
    }
