"""The edge's HTTP frontend, as HAProxy configuration. Pure text.

A request goes to the replicas of the model that its path names, and everything else to the gateway.
"""

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.cors import render_cors
from modelyard.edge.error_responses import http_errors, problem_response
from modelyard.edge.frontend_start import render_start
from modelyard.edge.model_maps import (
    IS_STOPPING,
    NAMES_FILE,
    POOL_ROUTES_FILE,
    POOLS_FILE,
    REPLICAS_FILE,
    ROUTES_FILE,
    SET_APPLICATION,
    TIMEOUT,
    Models,
)
from modelyard.edge.pool_spread import RULES as SPREAD_RULES
from modelyard.edge.request_rules import render_request_rules
from modelyard.edge.retries import RETRY_BYTES
from modelyard.edge.retries import RULES as RETRY_RULES
from modelyard.edge.takeover import NEWEST

WAKE_PREFIX = "/-"
"""Separates a model's route from the original path, in requests that name the model in another protocol's path: Serve's proxy finds
the model by its route alone."""
HOLD_S = 30
"""How long a request waits for a model that has no replica: about three cold starts."""
GATEWAY_TIMEOUT_S = 30
"""How long a GET to the gateway may take. Other methods may take longer: a load request ends when the model is READY."""

TEMPLATE = """\
# A listen section is frontend and backend. The timeout rules below need the backend capability; its backend side is unused.
{start}
{start_time_rules}
    # Wait for a small body as a whole: HAProxy can send it again.
    http-request wait-for-body time 20s at-least {retry_bytes} if METH_POST
    http-request {set_forwarded_proto}

{request_rules}
    # Ray Serve reads these two headers. Clients must not change its behaviour with them.
    http-request del-header x-request-timeout-seconds
    http-request del-header x-request-disconnect-disabled

    # Browsers let a page open a WebSocket to any server, and send the page's origin. Only the server's own pages and listed origins
    # may do so.
    acl websocket req.hdr(upgrade) -i websocket
    acl has_origin req.fhdr(origin) -m found
    http-request set-var(txn.host) req.fhdr(host) if has_origin
    acl same_origin req.fhdr(origin),field(3,/),strcmp(txn.host) eq 0
{cors}    http-request return {forbidden_websocket} if websocket has_origin !same_origin{unlisted}
    # Browsers send a POST with one of these content types, or with none, without a CORS preflight. For others they send a
    # preflight, which is answered for listed origins only.
    acl has_type req.hdr(content-type) -m found
    acl form_type req.hdr(content-type) -i -m beg text/plain application/x-www-form-urlencoded multipart/form-data
    http-request return {forbidden_post} if METH_POST has_origin !same_origin{unlisted} !has_type
    http-request return {forbidden_post} if METH_POST has_origin !same_origin{unlisted} form_type

    # On shutdown, fail readiness checks first, so that load balancers stop sending requests. Other requests are still served.
    acl readiness path /ready /health /ping /v2/health/ready
    http-request return {stopping} if readiness {is_stopping}

    acl too_large req.hdr_val(content-length) gt {body_limit}
    http-request return {too_large} if too_large

{default_model}    # The model by its route: /models/<name>, or a custom route.
    acl below_models path_beg /models/
    http-request set-var(txn.model) path,field(3,/) if below_models
    # A slash on both sides: the route /x matches /x and /x/predict, and not /xy.
    http-request set-var(txn.model) path,concat(/),map_beg({routes})
    http-request set-var(txn.model) path,concat(/),map_beg({pool_routes})
    # The model by its name: /v2/models/<name>/infer, /v1/models/<name>:predict.
    acl by_name path_beg /v1/models/ /v2/models/
    # Statistics are sums over all replicas of a model, which the gateway knows.
    acl statistics path_end /stats /stats/
    acl is_v1 path_beg /v1/
    # The gateway writes the OpenAPI document of a model, also if the model is not loaded.
    acl document path_end /openapi.json
    http-request set-var(txn.model) path,field(4,/),field(1,:) if by_name !statistics or by_name is_v1

    # txn.up is the number of servers of the backend that are up. It is unset if there is no such backend; then the gateway answers.
    acl has_model var(txn.model) -m found
{set_application}    http-request set-var(txn.up) str(http-),concat(,txn.app),nbsrv if has_model !document or has_model by_name
    acl known var(txn.up) -m found
    acl pooled var(txn.model),map({pools}) -m found
    acl all_down var(txn.up) -m int 0
    http-request return {not_ready} if known all_down

    # Without a replica, Serve's backend has only its Python proxy. The proxy starts a replica of a model that is scaled to
    # zero, and holds the request until the replica is up or the timeout expires. Requests about the model go to the gateway.
    acl wakes method POST
    acl wakes req.hdr(upgrade) -i websocket
    acl has_replica var(txn.app),map({replicas}) -m found
    http-request set-timeout server {gateway_timeout_s}s if METH_GET !handshake
    # A live replica answers within its time limit, if only with 504. This timeout is for replicas that are frozen or blocked.
    http-request set-timeout server {timeout} if known !handshake
    http-request set-timeout server {hold_s}s if known wakes !has_replica
    http-request set-var(txn.timeout_status) int(503) if known wakes !has_replica
    http-request set-var(txn.timeout_title) str("Service Unavailable") if known wakes !has_replica
{retry_rules}    # A forwarded request comes here again, with the path of the client.
    http-request allow if forward

    # Serve's proxy finds a model by its route alone, so put the route before the path. The replica removes it again.
    http-request set-var(txn.route) str(/models/),concat(,txn.model)
    http-request set-var(txn.route) var(txn.model),map({names})
    http-request set-path %[var(txn.route)]{wake_prefix}%[path] if by_name known METH_POST !has_replica !pooled
    # A pool has one route for all its models. Its requests always have it, so that a retry can go to Serve's proxy.
    http-request set-var(txn.route) str(/),concat(,txn.app) if pooled
    http-request set-path %[var(txn.route)]{wake_prefix}%[path] if pooled known has_replica or pooled known wakes
{spread_rules}    {newest_choice}
    use_backend http-%[var(txn.app)] if known has_replica
    use_backend http-%[var(txn.app)] if known wakes
    default_backend {default}

    # A request that timed out while it waited for a replica: 503 in place of 504.
    acl held var(txn.timeout_status) -m found
    http-after-response set-status 503 if held {{ status 504 }}
    http-after-response set-header retry-after 5 if held {{ status 503 }}

    # Replace the error messages of Serve's proxy itself, which show Ray's internals. Replicas' errors are JSON and pass through.
    acl from_replica res.hdr(content-type) -m sub json
    http-response return {no_replica} if {{ srv_name -m beg SERVE_PROXY_ACTOR }} {{ status 500:599 }} !from_replica
    # A replica that has come meanwhile has answered, perhaps with a 504 of its own: the request does not wait any more.
    http-response unset-var(txn.timeout_status)
"""

DEFAULT_MODEL_RULES = """\
    # SageMaker's and MLflow's paths, for default_model of server.yaml.
    http-request set-path {route}/invocations if {{ path /invocations }}
    http-request set-path {route}/ready if {{ path /ping /health }}
"""


def render_http(
    server: ServerSpec, models: Models, *, bind: str, connections: int, default: str, start_time_rules: str
) -> str:
    """The section.

    `bind` is the address and TLS options in HAProxy's form, `connections` the limit on it, `default` the backend for requests that
    no replica answers, `start_time_rules` the rules that record when a request arrived, or "".
    """
    chosen = server.default_model
    default_route = models[chosen].route if chosen and chosen in models else f"/models/{chosen}"
    return TEMPLATE.format(
        start=render_start("http", bind=bind, connections=connections, errors=http_errors()),
        start_time_rules=start_time_rules,
        retry_bytes=RETRY_BYTES,
        # Models use it in the URLs of their pages. A client's own header is replaced.
        set_forwarded_proto="set-header x-forwarded-proto https" if server.tls else "del-header x-forwarded-proto",
        request_rules=render_request_rules(),
        cors=render_cors(server.http.cors),
        unlisted=" !listed_page" if server.http.cors else "",
        forbidden_websocket=_forbidden("WebSocket connections from"),
        forbidden_post=_forbidden("requests from"),
        stopping=problem_response(503, "Service Unavailable", "the server is stopping"),
        is_stopping=IS_STOPPING,
        body_limit=server.body,
        too_large=problem_response(
            413, "Content Too Large", f"the body is larger than the limit of {server.body} bytes"
        ),
        default_model=DEFAULT_MODEL_RULES.format(route=default_route) if chosen else "",
        routes=ROUTES_FILE,
        pool_routes=POOL_ROUTES_FILE,
        not_ready=problem_response(503, "Service Unavailable", "no replica of the model is available", retry_after_s=1),
        replicas=REPLICAS_FILE,
        set_application=SET_APPLICATION,
        pools=POOLS_FILE,
        gateway_timeout_s=GATEWAY_TIMEOUT_S,
        timeout=TIMEOUT,
        hold_s=HOLD_S,
        retry_rules=RETRY_RULES,
        names=NAMES_FILE,
        wake_prefix=WAKE_PREFIX,
        spread_rules=SPREAD_RULES,
        newest_choice=NEWEST["http"].choice,
        default=default,
        no_replica=problem_response(
            503,
            "Service Unavailable",
            "no replica of the model is available; GET its route for the reason",
            retry_after_s=5,
        ),
    )


def _forbidden(what: str) -> str:
    return problem_response(
        403, "Forbidden", f"{what} this page are not allowed; add its origin to http.cors in server.yaml"
    )
