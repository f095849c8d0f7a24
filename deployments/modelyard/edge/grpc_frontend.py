"""The edge's gRPC frontend, as HAProxy configuration. Pure text. HAProxy ends HTTP/2; replicas get HTTP/1.1 with its trailers.

A call on a model goes to a replica by the model's name, which is field 1 of the first message of every method that has a name.
The gateway answers if the name cannot be read there (a compressed message, or fields in another order), or if the model has no
replica.
"""

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.error_responses import grpc_error, grpc_errors
from modelyard.edge.frontend_start import render_start
from modelyard.edge.model_maps import IS_STOPPING, REPLICAS_FILE, SET_APPLICATION, TIMEOUT
from modelyard.edge.pool_spread import RULES as SPREAD_RULES
from modelyard.edge.request_rules import MAX_HEADERS_BYTES
from modelyard.edge.retries import RETRY_BYTES, STREAM_RULE
from modelyard.edge.retries import RULES as RETRY_RULES
from modelyard.edge.takeover import NEWEST
from modelyard.protocols.grpc.status import Status

TEMPLATE = """\
{start}
    # A stream may be idle for long, also before its first message. Headers and single messages have their own timeouts.
    timeout client 1h
{start_time_rules}
    # The usual content type first: a regular expression costs more than all rules that follow.
    acl is_grpc req.hdr(content-type) -m str application/grpc
    acl is_grpc req.hdr(content-type) -m reg ^application/grpc(\\+proto)?(;.*)?$
    http-request return status 415 unless is_grpc
    # Ray Serve reads these two headers. Clients must not change its behaviour with them.
    http-request del-header x-request-timeout-seconds
    http-request del-header x-request-disconnect-disabled
    http-request set-var(txn.header_bytes) req.hdrs,length
    acl long_headers var(txn.header_bytes) -m int gt {max_headers_bytes}
    http-request return {headers_too_large} if long_headers
    acl too_large req.hdr_val(content-length) gt {body_limit}
    http-request return {too_large} if too_large

    # On shutdown, fail readiness checks first, so that load balancers stop sending requests. Other calls are still served.
    acl readiness path /inference.GRPCInferenceService/ServerReady /grpc.health.v1.Health/Check
    http-request return {stopping} if readiness {is_stopping}

    # A message is a compression flag, four bytes of length, and the fields: 0x0a, the length of the name, the name. Wait for a
    # stream's name in steps, because its first message may be short, and the client may send no more before it is answered.
    acl of_model path_beg /inference.GRPCInferenceService/Model
    acl stream path /inference.GRPCInferenceService/ModelStreamInfer
    http-request wait-for-body time 20s at-least {retry_bytes} if of_model !stream
    http-request wait-for-body time 1h at-least 16 if stream
    http-request set-var(txn.name_bytes) req.body,bytes(6,1),be2dec(,1) if stream
    http-request wait-for-body time 20s at-least 32 if stream {{ var(txn.name_bytes) -m int gt 9 }}
    http-request wait-for-body time 20s at-least 70 if stream {{ var(txn.name_bytes) -m int gt 25 }}
    # Statistics are sums over all replicas of a model, which the gateway knows.
    acl statistics path /inference.GRPCInferenceService/ModelStatistics
    acl uncompressed req.body,bytes(0,1),hex 00
    http-request set-var(txn.model) req.body,bytes(5),protobuf(1) if of_model uncompressed !statistics

    # txn.up is the number of servers of the backend that are up. It is unset if there is no such backend; then the gateway answers.
    acl has_model var(txn.model) -m len gt 0
{set_application}    http-request set-var(txn.up) str(http-),concat(,txn.app),nbsrv if has_model
    acl known var(txn.up) -m found
    acl has_replica var(txn.app),map({replicas}) -m found
    acl all_down var(txn.up) -m int 0
    http-request return {not_ready} if known has_replica all_down
    # A live replica answers within its time limit, if only with DEADLINE_EXCEEDED. A stream may be idle for long.
    http-request set-timeout server {timeout} if known !stream
{retry_rules}
{spread_rules}    {newest_choice}
    use_backend http-%[var(txn.app)] if known has_replica
    default_backend {default}

    # Serve's Python proxy, the backup server of a model's backend, cannot answer gRPC.
    http-response return {not_ready} if {{ srv_name -m beg SERVE_PROXY_ACTOR }}

    # The HTTP status of a gRPC response is always 200. `return` without a body has no content type, which some clients require.
    http-after-response set-status 200 if {{ res.hdr(grpc-status) -m found }} !{{ status 200 }}
    http-after-response set-header content-type application/grpc if {{ res.hdr(grpc-status) -m found }}
"""


def render_grpc(server: ServerSpec, *, bind: str, connections: int, default: str, start_time_rules: str) -> str:
    """The section. The arguments are those of `http_frontend.render_http`."""
    return TEMPLATE.format(
        start=render_start("grpc", bind=bind, connections=connections, errors=grpc_errors()),
        start_time_rules=start_time_rules,
        max_headers_bytes=MAX_HEADERS_BYTES,
        headers_too_large=grpc_error(
            Status.RESOURCE_EXHAUSTED, f"the metadata is larger than the limit of {MAX_HEADERS_BYTES} bytes"
        ),
        body_limit=server.body,
        too_large=grpc_error(Status.RESOURCE_EXHAUSTED, f"the message is larger than the limit of {server.body} bytes"),
        stopping=grpc_error(Status.UNAVAILABLE, "the server is stopping"),
        is_stopping=IS_STOPPING,
        retry_bytes=RETRY_BYTES,
        not_ready=grpc_error(Status.UNAVAILABLE, "no replica of the model is available"),
        replicas=REPLICAS_FILE,
        set_application=SET_APPLICATION,
        timeout=TIMEOUT,
        retry_rules=RETRY_RULES + STREAM_RULE,
        spread_rules=SPREAD_RULES,
        newest_choice=NEWEST["grpc"].choice,
        default=default,
    )
