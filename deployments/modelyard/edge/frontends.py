"""Our HAProxy frontends, as text. Pure: the spec and the routes in, a configuration out.

They are merged into the HAProxy that Ray Serve runs (HAProxy reads several `-f` files). Serve names its backends
`http-<application>`, so one dynamic `use_backend` routes in constant time, where Serve's own frontend tries a list of prefixes.
"""

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.connections import SIDES
from modelyard.edge.cors import render_cors
from modelyard.edge.error_responses import http_errors, problem, refusal
from modelyard.edge.failed_request_log import LINES as LOG
from modelyard.edge.grpc_frontend import FORWARDED_FOR, render_grpc
from modelyard.edge.model_maps import (
    IS_LEAVING,
    NAMES_FILE,
    REPLICAS_FILE,
    ROUTES_FILE,
    TIMEOUT,
    Models,
    custom_routes,
)
from modelyard.edge.request_rules import BUFFER_BYTES, MOST_HEADERS, render_requests
from modelyard.edge.retries import KEPT_BYTES
from modelyard.edge.retries import LINES as RETRIES
from modelyard.edge.takeover import NEWEST, render_newest, render_passed_on
from modelyard.edge.tls import BUNDLE_FILE, CLIENT_CA_FILE
from modelyard.http import edge_headers
from modelyard.protocols.grpc.status import Status

GATEWAY_BACKEND = "http-gateway"
WAKE_PREFIX = "/-"
"""Between a model's route and the path of a protocol that names models, where Serve must find the model by its route."""
HOLD_S = 30
"""How long a request waits for a model that has no replica: about three cold starts."""
GATEWAY_S = 30
"""How long a question to the gateway waits. What changes something there may take longer: a load ends with the model READY."""

TEMPLATE = """\
# Written by modelyard; read by HAProxy together with Ray Serve's own file.
global
    # Other files are named relative to this one, whatever the path to it.
    default-path config
    tune.bufsize {buffer_bytes}
    tune.http.maxhdr {most_headers}

defaults edge
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 1h
    timeout http-request 20s
    timeout http-keep-alive 75s
    option http-no-delay
    option idle-close-on-response
    # A client that has gone is passed on as gone, so that its request is dropped before its batch.
    option abortonclose
    option redispatch 1
    retry-on conn-failure

# Both a frontend and a backend, as what it does to time-outs asks for the second; its own backend side is never used.
listen edge_http from edge
    bind {bind}{tls} maxconn {connections}
    {newest_bind}
    maxconn {with_doors}
{errors}
{log}
{passed_on}
    http-request {forwarded_for}
{stamped}
    # The beginning of a body has as long as the headers.
    http-request wait-for-body time 20s at-least {kept_bytes} if METH_POST
    http-request {forwarded_proto}

{requests}
    # Two headers with which a client could change how Ray Serve treats its request.
    http-request del-header x-request-timeout-seconds
    http-request del-header x-request-disconnect-disabled

    # Browsers let any page open a WebSocket to anywhere, and say which page it is: this machine's own server is no exception.
    acl socket req.hdr(upgrade) -i websocket
    acl of_a_page req.fhdr(origin) -m found
    http-request set-var(txn.host) req.fhdr(host) if of_a_page
    acl own_page req.fhdr(origin),field(3,/),strcmp(txn.host) eq 0
{cors}    http-request return {other_page} if socket of_a_page !own_page{unlisted}
    # And they let it send what a form could, without asking first. Other types they ask about, and are not told that they may.
    acl typed req.hdr(content-type) -m found
    acl form req.hdr(content-type) -i -m beg text/plain application/x-www-form-urlencoded multipart/form-data
    http-request return {other_form} if METH_POST of_a_page !own_page{unlisted} !typed
    http-request return {other_form} if METH_POST of_a_page !own_page{unlisted} form

    # A load balancer that gets 503 here sends its next requests elsewhere; those that come are answered.
    acl readiness path /ready /health /ping /v2/health/ready
    http-request return {leaving} if readiness {is_leaving}

    acl too_large req.hdr_val(content-length) gt {body_limit}
    http-request return {too_large} if too_large

{default_model}    # The model by its route: /models/<name>, unless it has one of its own.
    acl below_models path_beg /models/
    http-request set-var(txn.model) path,field(3,/) if below_models
{custom}    # Or by its name: /v2/models/<name>/infer, /v1/models/<name>:predict.
    acl by_name path_beg /v1/models/ /v2/models/
    # The gateway tells what all replicas of a model have done together.
    acl statistics path_end /stats /stats/
    acl of_v1 path_beg /v1/
    http-request set-var(txn.model) path,field(4,/),field(1,:) if by_name !statistics or by_name of_v1

    # The backend's servers that are up. Not set where there is no such backend: the gateway answers then.
    acl named var(txn.model) -m found
    http-request set-var(txn.up) str(http-),concat(,txn.model),nbsrv if named
    acl known var(txn.up) -m found
    acl all_away var(txn.up) -m int 0
    http-request return {not_ready} if known all_away

    # Without a replica, Serve's backend has its Python proxy alone. It wakes a model that is scaled to zero, and holds a
    # request until there is a replica, for as long as we let it. What only asks about the model goes to the gateway.
    acl wakes method POST
    acl wakes req.hdr(upgrade) -i websocket
    acl has_replica var(txn.model),map({replicas}) -m found
    http-request set-timeout server {gateway_s}s if METH_GET !handshake
    # A replica answers in time, if only with 504. One that is frozen does not, nor one that a call of its model holds.
    http-request set-timeout server {timeout} if known !handshake
    http-request set-timeout server {hold_s}s if known wakes !has_replica
    http-request set-var(txn.late_status) int(503) if known wakes !has_replica
    http-request set-var(txn.late_title) str("Service Unavailable") if known wakes !has_replica
{retries}
    # It knows models by their routes alone; a replica finds the rest behind its own route.
    http-request set-var(txn.route) str(/models/),concat(,txn.model)
{routes}    http-request set-path %[var(txn.route)]{woken}%[path] if by_name known METH_POST !has_replica
    {newest_choice}
    use_backend http-%[var(txn.model)] if known has_replica
    use_backend http-%[var(txn.model)] if known wakes
    default_backend {default}

    acl held var(txn.late_status) -m found
    http-after-response set-status 503 if held {{ status 504 }}
    http-after-response set-header retry-after 5 if held {{ status 503 }}

    # What that proxy says when it cannot is for Ray's eyes. Replicas answer through it in JSON, errors too.
    acl of_a_replica res.hdr(content-type) -m sub json
    http-response return {no_replica} if {{ srv_name -m beg SERVE_PROXY_ACTOR }} {{ status 500:599 }} !of_a_replica

{grpc}
{newest}
# Numbers for Prometheus. Serve's own frontend for them listens on all interfaces, on a port that nobody knows.
frontend edge_metrics from edge
    bind {metrics_bind}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request return status 404

backend edge_starting from edge
    http-request return {starting_grpc} if {{ fe_name edge_grpc }}
    http-request return {starting}
"""


STAMPED = f"""\
    # For traces, and whatever a client says of that is replaced.
    http-request set-header {edge_headers.EDGE_START.decode()} %[date(0,us)]
"""
DEFAULT_MODEL = """\
    # What SageMaker asks of a container, and MLflow's clients of its server, of the model that server.yaml names.
    http-request set-path {route}/invocations if {{ path /invocations }}
    http-request set-path {route}/ready if {{ path /ping /health }}
"""


def render(server: ServerSpec, models: Models, *, connections: int, starting: bool) -> str:
    """The configuration. `connections` is the most on a port; `starting` is for as long as Serve has no gateway backend: a
    default_backend must exist to be named.

    What is particular to a model stands in map files, beside this file.
    """
    # A slash on both sides: /x is the route of /x and of /x/predict, and not of /xy.
    routed = custom_routes(models)
    custom = f"    http-request set-var(txn.model) path,concat(/),map_beg({ROUTES_FILE})\n" if routed else ""
    chosen = server.default_model
    default_route = models[chosen].route if chosen and chosen in models else f"/models/{chosen}"
    route = f"var(txn.model),map({NAMES_FILE})"
    routes = f"    http-request set-var(txn.route) {route} if {{ {route} -m found }}\n" if routed else ""
    stamped = STAMPED if server.tracing else ""
    default = "edge_starting" if starting else GATEWAY_BACKEND
    return TEMPLATE.format(
        grpc=render_grpc(
            server,
            bind=f"{_address(server.grpc.host)}:{server.grpc.port}{_tls(server, 'h2')}",
            connections=connections,
            default=default,
            stamped=stamped,
        ),
        starting_grpc=refusal(Status.UNAVAILABLE, "the server is starting"),
        bind=f"{_address(server.http.host)}:{server.http.port}",
        buffer_bytes=BUFFER_BYTES,
        most_headers=MOST_HEADERS,
        errors=http_errors(),
        log=LOG,
        forwarded_for=FORWARDED_FOR,
        requests=render_requests(),
        newest_bind=NEWEST["http"].bind,
        newest_choice=NEWEST["http"].choice,
        passed_on=render_passed_on(NEWEST["http"]),
        newest=render_newest(),
        tls=_tls(server, "h2,http/1.1"),
        connections=connections,
        with_doors=connections * SIDES,
        stamped=stamped,
        # For the URLs that a model tells of itself; a client's own word does not count.
        forwarded_proto="set-header x-forwarded-proto https" if server.tls else "del-header x-forwarded-proto",
        metrics_bind=f"{_address(server.metrics.host)}:{server.metrics.edge_port}",
        body_limit=server.body,
        cors=render_cors(server.http.cors),
        unlisted=" !listed_page" if server.http.cors else "",
        other_page=problem(
            403,
            "Forbidden",
            "a page of another origin opens no WebSocket here; http.cors of server.yaml lists those that may",
        ),
        other_form=problem(
            403,
            "Forbidden",
            "a page of another origin sends nothing here; http.cors of server.yaml lists those that may",
        ),
        custom=custom,
        routes=routes,
        default_model=DEFAULT_MODEL.format(route=default_route) if chosen else "",
        woken=WAKE_PREFIX,
        too_large=problem(
            413, "Content Too Large", f"the body has more than {server.body} bytes, the most that is taken"
        ),
        not_ready=problem(503, "Service Unavailable", "the model has no replica at hand", retry_after_s=1),
        no_replica=problem(
            503, "Service Unavailable", "the model has no replica, GET its route says why", retry_after_s=5
        ),
        replicas=REPLICAS_FILE,
        hold_s=HOLD_S,
        gateway_s=GATEWAY_S,
        timeout=TIMEOUT,
        kept_bytes=KEPT_BYTES,
        retries=RETRIES,
        starting=problem(503, "Service Unavailable", "the server is starting", retry_after_s=1),
        leaving=problem(503, "Service Unavailable", "the server is stopping"),
        is_leaving=IS_LEAVING,
        default=default,
    )


def _tls(server: ServerSpec, protocols: str) -> str:
    """What makes a bind speak TLS; the files are those that EdgeFiles writes."""
    if server.tls is None:
        return ""
    client = f" ca-file {CLIENT_CA_FILE} verify required" if server.tls.client_ca else ""
    return f" ssl crt {BUNDLE_FILE} alpn {protocols} ssl-min-ver TLSv1.2{client}"


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
