"""The edge's HAProxy configuration as text: a pure function of the server's spec and the models.

Ray Serve runs HAProxy, which merges several `-f` files: Serve's own and this one. Serve names its backends `http-<application>`,
so one dynamic `use_backend` routes in constant time, where Serve's own frontend tries a list of prefixes.
"""

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.error_responses import grpc_error, problem_response
from modelyard.edge.grpc_frontend import render_grpc
from modelyard.edge.http_frontend import render_http
from modelyard.edge.model_maps import Models
from modelyard.edge.pool_spread import TABLE_SECTION
from modelyard.edge.request_rules import BUFFER_BYTES, MAX_HEADERS
from modelyard.edge.takeover import render_newest_backends
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE
from modelyard.http import edge_headers
from modelyard.protocols.grpc.status import Status

GATEWAY_BACKEND = "http-gateway"
STARTING_BACKEND = "edge_starting"

TEMPLATE = """\
# Written by modelyard. HAProxy reads it together with Ray Serve's own file.
global
    # File names below are relative to this file.
    default-path config
    tune.bufsize {buffer_bytes}
    tune.http.maxhdr {max_headers}

defaults edge
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 1h
    timeout http-request 20s
    timeout http-keep-alive 75s
    option http-no-delay
    option idle-close-on-response
    # When a client disconnects, close the connection to the replica, so that the replica drops the request before its batch runs.
    option abortonclose
    option redispatch 1
    retry-on conn-failure

{http}
{grpc}
{newest}
{in_flight}
# Metrics for Prometheus. Serve's own frontend for them listens on all interfaces, on a random port.
frontend edge_metrics from edge
    bind {metrics_bind}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request return status 404

backend {starting_backend} from edge
    http-request return {starting_grpc} if {{ fe_name edge_grpc }}
    http-request return {starting}
"""

START_TIME_RULES = f"""\
    # When the request arrived, for traces. A client's own header is replaced.
    http-request set-header {edge_headers.EDGE_START.decode()} %[date(0,us)]
"""


def render(server: ServerSpec, models: Models, *, connections: int, starting: bool) -> str:
    """The configuration. `connections` is the limit of each port.

    With `starting`, the default backend answers that the server is starting: Serve has no gateway backend yet, and HAProxy rejects
    a reference to an unknown one. Settings of single models are in map files in the same folder.
    """
    start_time_rules = START_TIME_RULES if server.tracing else ""
    default = STARTING_BACKEND if starting else GATEWAY_BACKEND
    return TEMPLATE.format(
        buffer_bytes=BUFFER_BYTES,
        max_headers=MAX_HEADERS,
        http=render_http(
            server,
            models,
            bind=f"{_address(server.http.host)}:{server.http.port}{_tls(server, 'h2,http/1.1')}",
            connections=connections,
            default=default,
            start_time_rules=start_time_rules,
        ),
        grpc=render_grpc(
            server,
            bind=f"{_address(server.grpc.host)}:{server.grpc.port}{_tls(server, 'h2')}",
            connections=connections,
            default=default,
            start_time_rules=start_time_rules,
        ),
        newest=render_newest_backends(),
        in_flight=TABLE_SECTION,
        metrics_bind=f"{_address(server.metrics.host)}:{server.metrics.edge_port}",
        starting_backend=STARTING_BACKEND,
        starting_grpc=grpc_error(Status.UNAVAILABLE, "the server is starting"),
        starting=problem_response(503, "Service Unavailable", "the server is starting", retry_after_s=1),
    )


def _tls(server: ServerSpec, protocols: str) -> str:
    """The TLS options of a bind line. EdgeFiles writes the files."""
    if server.tls is None:
        return ""
    client = f" ca-file {CLIENT_CA_FILE} verify required" if server.tls.client_ca else ""
    return f" ssl crt {BUNDLE_FILE} alpn {protocols} ssl-min-ver TLSv1.2{client}"


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
