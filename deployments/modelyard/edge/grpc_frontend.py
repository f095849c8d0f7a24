"""Our HAProxy frontend for gRPC, as text. Pure. It ends HTTP/2; replicas and the gateway get HTTP/1.1 with its trailers.

A call on a model goes to a replica by the model's name, which is field 1 of the first message of every method that has it. Where
the name cannot be read there (compressed, or written in another order), or no replica has it, the gateway answers.
"""

from modelyard.config.server_spec import ServerSpec
from modelyard.edge.connections import SIDES
from modelyard.edge.error_responses import grpc_errors, refusal
from modelyard.edge.failed_request_log import LINES as LOG
from modelyard.edge.model_maps import IS_LEAVING, REPLICAS_FILE, TIMEOUT
from modelyard.edge.request_rules import HEADERS_LIMIT
from modelyard.edge.retries import KEPT_BYTES, STREAM
from modelyard.edge.retries import LINES as RETRIES
from modelyard.edge.takeover import NEWEST, render_passed_on
from modelyard.protocols.grpc.status import Status

FORWARDED_FOR = "set-header x-forwarded-for %[src]"
"""For the log of requests. What a client says of its address is replaced; see `http.edge_headers`."""

TEMPLATE = """\
listen edge_grpc from edge
    bind {bind} maxconn {connections}
    {newest_bind}
    maxconn {with_doors}
{errors}
{log}
{passed_on}
    http-request {forwarded_for}
    # A stream may be quiet for long, before its first message too; slow headers and slow single messages may not.
    timeout client 1h
{stamped}
    # The usual one first: a regular expression costs more than all that follows.
    acl grpc_messages req.hdr(content-type) -m str application/grpc
    acl grpc_messages req.hdr(content-type) -m reg ^application/grpc(\\+proto)?(;.*)?$
    http-request return status 415 unless grpc_messages
    http-request del-header x-request-timeout-seconds
    http-request del-header x-request-disconnect-disabled
    acl long_headers req.hdrs,length gt {headers_limit}
    http-request return {headers_too_large} if long_headers
    acl too_large req.hdr_val(content-length) gt {body_limit}
    http-request return {too_large} if too_large

    acl readiness path /inference.GRPCInferenceService/ServerReady /grpc.health.v1.Health/Check
    http-request return {leaving} if readiness {is_leaving}

    # A message is a flag, four bytes of length, and the fields: 0x0a, the length of the name, the name. A stream's longer names are
    # waited for in steps, as its first message may be short, and nothing come behind it until it is answered.
    acl of_model path_beg /inference.GRPCInferenceService/Model
    acl stream path /inference.GRPCInferenceService/ModelStreamInfer
    http-request wait-for-body time 20s at-least {kept_bytes} if of_model !stream
    http-request wait-for-body time 1h at-least 16 if stream
    http-request set-var(txn.name_bytes) req.body,bytes(6,1),be2dec(,1) if stream
    http-request wait-for-body time 20s at-least 32 if stream {{ var(txn.name_bytes) -m int gt 9 }}
    http-request wait-for-body time 20s at-least 70 if stream {{ var(txn.name_bytes) -m int gt 25 }}
    # What all replicas of a model have done together is the gateway's to tell.
    acl statistics path /inference.GRPCInferenceService/ModelStatistics
    acl plain req.body,bytes(0,1),hex 00
    http-request set-var(txn.model) req.body,bytes(5),protobuf(1) if of_model plain !statistics

    acl named var(txn.model) -m len gt 0
    http-request set-var(txn.up) str(http-),concat(,txn.model),nbsrv if named
    acl known var(txn.up) -m found
    acl has_replica var(txn.model),map({replicas}) -m found
    acl all_away var(txn.up) -m int 0
    http-request return {not_ready} if known has_replica all_away
    # A replica answers in time, if only with DEADLINE_EXCEEDED. A stream may be quiet for long.
    http-request set-timeout server {timeout} if known !stream
{retries}
    {newest_choice}
    use_backend http-%[var(txn.model)] if known has_replica
    default_backend {default}

    # Serve's own proxy, which stands behind a model's replicas, cannot answer gRPC.
    http-response return {not_ready} if {{ srv_name -m beg SERVE_PROXY_ACTOR }}

    # gRPC has one HTTP status. `return` without a body leaves out the content type, and some clients insist on it.
    http-after-response set-status 200 if {{ res.hdr(grpc-status) -m found }} !{{ status 200 }}
    http-after-response set-header content-type application/grpc if {{ res.hdr(grpc-status) -m found }}
"""


def render_grpc(server: ServerSpec, *, bind: str, connections: int, default: str, stamped: str) -> str:
    """The section. `bind` is the address in HAProxy's form, `connections` the most on it, `default` the backend for what no replica
    answers, `stamped` the rule that notes when a request came, if one is wanted."""
    return TEMPLATE.format(
        bind=bind,
        newest_bind=NEWEST["grpc"].bind,
        errors=grpc_errors(),
        log=LOG,
        forwarded_for=FORWARDED_FOR,
        newest_choice=NEWEST["grpc"].choice,
        passed_on=render_passed_on(NEWEST["grpc"]),
        connections=connections,
        with_doors=connections * SIDES,
        body_limit=server.body,
        headers_limit=HEADERS_LIMIT,
        headers_too_large=refusal(
            Status.RESOURCE_EXHAUSTED, f"the metadata has more than {HEADERS_LIMIT} bytes, the most that is accepted"
        ),
        too_large=refusal(
            Status.RESOURCE_EXHAUSTED, f"the message has more than {server.body} bytes, the most that is taken"
        ),
        not_ready=refusal(Status.UNAVAILABLE, "the model has no replica at hand"),
        leaving=refusal(Status.UNAVAILABLE, "the server is stopping"),
        is_leaving=IS_LEAVING,
        replicas=REPLICAS_FILE,
        timeout=TIMEOUT,
        kept_bytes=KEPT_BYTES,
        retries=RETRIES + STREAM,
        default=default,
        stamped=stamped,
    )
