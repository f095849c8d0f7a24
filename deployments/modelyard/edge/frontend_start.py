"""The first lines of the HTTP and the gRPC frontend, which are the same but for addresses and error responses. Pure text."""

from typing import Literal

from modelyard.edge.connections import SOCKETS_PER_PORT
from modelyard.edge.failed_request_log import RULES as LOG_RULES
from modelyard.edge.takeover import NEWEST, render_forward_rules

TEMPLATE = """\
listen edge_{protocol} from edge
    bind {bind} maxconn {connections}
    {newest_bind}
    maxconn {max_connections}
{errors}
{log_rules}
{forward_rules}
    http-request set-header x-forwarded-for %[src]"""
"""The request log has the address of `x-forwarded-for`, so a client's own header is replaced; see `http.edge_headers`."""


def render_start(protocol: Literal["http", "grpc"], *, bind: str, connections: int, errors: str) -> str:
    """The section's name, addresses, limits, errors and log, and the rules that come before all others.

    `bind` is the address and TLS options in HAProxy's form, `connections` the limit on it, `errors` the responses to requests that
    HAProxy itself rejects.
    """
    return TEMPLATE.format(
        protocol=protocol,
        bind=bind,
        connections=connections,
        newest_bind=NEWEST[protocol].bind,
        max_connections=connections * SOCKETS_PER_PORT,
        errors=errors,
        log_rules=LOG_RULES,
        forward_rules=render_forward_rules(),
    )
