"""Our HAProxy frontends, as text. Pure: the spec and the routes in, a configuration out.

They are merged into the HAProxy that Ray Serve runs (HAProxy reads several `-f` files). Serve names its backends
`http-<application>`, so one dynamic `use_backend` routes in constant time, where Serve's own frontend tries a list of prefixes.
"""

from collections.abc import Mapping

from deployments.spec.server import ServerSpec

GATEWAY_BACKEND = "http-gateway"
NOT_READY = '{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the model is not ready"}'
STARTING = '{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the server is starting"}'
TOO_LARGE = '{"type":"about:blank","title":"Content Too Large","status":413,"detail":"the body is larger than this server takes"}'

TEMPLATE = """\
# Written by modelyard; read by HAProxy together with Ray Serve's own file.
defaults edge
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 1h
    timeout http-request 20s
    timeout http-keep-alive 75s
    option http-no-delay
    option idle-close-on-response
    option redispatch 1
    retry-on conn-failure

frontend edge_http from edge
    bind {bind}
    # Two headers with which a client could change how Ray Serve treats its request.
    http-request del-header x-request-timeout-seconds
    http-request del-header x-request-disconnect-disabled
    http-request return status 413 content-type application/problem+json string {too_large} if {{ req.hdr_val(content-length) gt {body_limit} }}
    http-request set-var(txn.model) path,field(3,/) if {{ path_beg /models/ }}
{custom}    # A model whose replicas are all away: say when to come back, in the client's own terms.
    http-request set-var(txn.servers) str(http-),concat(,txn.model),nbsrv if {{ var(txn.model) -m found }}
    http-request return status 503 content-type application/problem+json string {not_ready} hdr retry-after 1 if {{ var(txn.servers) -m int 0 }}
    use_backend http-%[var(txn.model)] if {{ var(txn.servers) -m found }}
    default_backend {default}

backend edge_starting from edge
    http-request return status 503 content-type application/problem+json string {starting} hdr retry-after 1
"""


def render(server: ServerSpec, custom_routes: Mapping[str, str], routes_map: str, *, starting: bool) -> str:
    """The configuration. `starting` is for as long as Serve has no gateway backend: a default_backend must exist to be named.

    `custom_routes` are models by a route that is not /models/<name>; they are looked up in the file `routes_map`.
    """
    custom = f"    http-request set-var(txn.model) path,map_beg({routes_map})\n" if custom_routes else ""
    return TEMPLATE.format(
        bind=f"{_address(server.http.host)}:{server.http.port}",
        body_limit=server.body,
        custom=custom,
        too_large=_quoted(TOO_LARGE),
        not_ready=_quoted(NOT_READY),
        starting=_quoted(STARTING),
        default="edge_starting" if starting else GATEWAY_BACKEND,
    )


def render_routes(custom_routes: Mapping[str, str]) -> str:
    """The map file: a path prefix and its model a line."""
    return "".join(f"{route}/ {model}\n" for route, model in sorted(custom_routes.items()))


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quoted(text: str) -> str:
    return "'" + text + "'"
