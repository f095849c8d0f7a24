"""What HAProxy logs of requests that no replica answered: it alone still knows of them when a replica has died. Pure text.

HAProxy sends each line as a datagram to a Unix socket. Requests that went well are not logged, so they cost nothing.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from modelyard.edge.takeover import NEWEST_SERVER

LOG_SOCKET = "log.sock"
MAX_REQUEST_ID_BYTES = 128
MAX_LINE_BYTES = 4096
REPLICA_PREFIX = "SERVE_REPLICA"
"""So begin the names of Serve's servers that are replicas, and their ends are the replicas' ids."""
SERVER_FAILED = frozenset("Ss")
"""The first letters of HAProxy's termination states (its manual, 8.5) that blame the server: it closed, or was silent."""

UNKNOWN_REPLICA = "unknown"
"""A replica that died on a connection that was used before: the HAProxy that had it says nothing (see `edge.retries`), and the one
that passed the request on does not know which it was."""
NO_VALUE = "-"
"""HAProxy writes this where there is no value."""

RULES = f"""\
    option dontlog-normal
    log "${{MODELYARD_EDGE}}/{LOG_SOCKET}" len {MAX_LINE_BYTES} format raw daemon
    capture request header x-request-id len {MAX_REQUEST_ID_BYTES}
    unique-id-format edge-%{{+X}}o%Ts%ms-%rt-%pid
    log-format '{{"model":"%[var(txn.model),json(utf8s)]","offered":"%[capture.req.hdr(0),json(utf8s)]","made":"%ID",\
"client":"%ci","status":%ST,"ended":"%ts","server":"%s","frontend":"%f","total_ms":%Ta,"bytes":%U}}'
    # An answer of the edge's own has an id too, by which the request is found in its log.
    http-after-response set-header x-request-id %[capture.req.hdr(0)] \
if !{{ res.hdr(x-request-id) -m found }} {{ capture.req.hdr(0) -m reg ^[A-Za-z0-9_.:/+=@-]{{1,{MAX_REQUEST_ID_BYTES}}}$ }}
    http-after-response set-header x-request-id %[unique-id] if !{{ res.hdr(x-request-id) -m found }}
"""
"""For a frontend of ours. The characters of an id are those that replicas accept (`protocols.http`)."""


@dataclass(frozen=True, slots=True)
class LostRequest:
    """A request whose client got the edge's own error, or half an answer."""

    model: str
    request_id: str
    client: str
    """Its address."""
    protocol: str
    """http or grpc: more is not known at the edge."""
    replica: str
    """The id of the replica that had it, UNKNOWN_REPLICA, or "" where no replica was there to send it to."""
    total_ms: float
    body_bytes: int


def parse_log_line(line: bytes, clean: "frozenset[int]") -> LostRequest | None:
    """What a log line tells; None of a request that a replica answered, whose client left, or that no model was asked for.

    `clean` are the bytes that may stand in a client's own request id.
    """
    try:
        told = orjson.loads(line.rstrip(b"\0\n"))
    except ValueError:
        return None
    server = told["server"]
    replica = (
        server.rpartition("-")[2]
        if server.startswith(REPLICA_PREFIX)
        else UNKNOWN_REPLICA
        if server == NEWEST_SERVER
        else ""
    )
    if told["model"] in ("", NO_VALUE) or not _is_lost(told, replica):
        return None
    offered = b"" if told["offered"] == NO_VALUE else told["offered"].encode()
    return LostRequest(
        model=told["model"],
        request_id=told["offered"] if offered and clean.issuperset(offered) else told["made"],
        client=told["client"],
        protocol="grpc" if told["frontend"] == "edge_grpc" else "http",
        replica=replica,
        total_ms=max(0.0, float(told["total_ms"])),
        body_bytes=told["bytes"],
    )


def _is_lost(told: dict[str, Any], replica: str) -> bool:
    if replica:
        return told["ended"][:1] in SERVER_FAILED
    # No replica was there: the edge refused at once, or Serve's proxy waited for one in vain. A gRPC call's status is 200.
    return bool(told["status"] >= 500)
