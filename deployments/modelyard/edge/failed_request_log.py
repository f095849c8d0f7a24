"""HAProxy's log of requests that no replica answered. When a replica has died, only HAProxy still knows its requests.

HAProxy sends each record as a datagram to a Unix socket. Successful requests are not logged, so they cost nothing.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from modelyard.edge.takeover import NEWEST_SERVER

LOG_SOCKET = "log.sock"
MAX_REQUEST_ID_BYTES = 128
MAX_LINE_BYTES = 4096
REPLICA_PREFIX = "SERVE_REPLICA"
"""The prefix of Serve's server names that are replicas. The part after the last hyphen is the replica's id."""
SERVER_FAILED = frozenset("Ss")
"""First letters of HAProxy's termination states (its manual, 8.5) that blame the server: it closed, or timed out."""

PROXY_PREFIX = "SERVE_PROXY"
"""Of Serve's own proxy, which sends requests to replicas that HAProxy does not know yet."""
UNKNOWN_REPLICA = "unknown"
"""A replica that died on a reused connection: the HAProxy process that had it logs nothing (see `edge.retries`), and the process
that forwarded the request does not know the replica."""
NO_VALUE = "-"
"""HAProxy writes this for a missing value."""

RULES = f"""\
    # Log requests that fail, and give each response a request id.
    option dontlog-normal
    log "${{MODELYARD_EDGE}}/{LOG_SOCKET}" len {MAX_LINE_BYTES} format raw daemon
    capture request header x-request-id len {MAX_REQUEST_ID_BYTES}
    unique-id-format edge-%{{+X}}o%Ts%ms-%rt-%pid
    log-format '{{"model":"%[var(txn.model),json(utf8s)]","client_id":"%[capture.req.hdr(0),json(utf8s)]","generated_id":"%ID",\
"client":"%ci","status":%ST,"termination":"%ts","server":"%s","frontend":"%f","total_ms":%Ta,"bytes":%U}}'
    # The edge's own responses have an id too, by which the log record can be found.
    http-after-response set-header x-request-id %[capture.req.hdr(0)] \
if !{{ res.hdr(x-request-id) -m found }} {{ capture.req.hdr(0) -m reg ^[A-Za-z0-9_.:/+=@-]{{1,{MAX_REQUEST_ID_BYTES}}}$ }}
    http-after-response set-header x-request-id %[unique-id] if !{{ res.hdr(x-request-id) -m found }}
"""
"""For each frontend. An id has the characters that replicas accept (`protocols.http`)."""


@dataclass(frozen=True, slots=True)
class LostRequest:
    """A request whose client got an error from the edge, or an incomplete response."""

    model: str
    request_id: str
    client: str
    """The client's address."""
    protocol: str
    """http or grpc; the edge knows no more."""
    replica: str
    """The id of the replica that had the request, UNKNOWN_REPLICA, or "" if no replica was available."""
    total_ms: float
    body_bytes: int
    through_proxy: bool = False
    """Whether Serve's proxy had the request, so that a replica may have had it too."""


def parse_log_line(line: bytes, id_chars: "frozenset[int]") -> LostRequest | None:
    """The lost request that a log line records.

    None if a replica answered, the client disconnected, or the request was for no model. `id_chars` are the bytes that a
    client's own request id may contain.
    """
    try:
        record = orjson.loads(line.rstrip(b"\0\n"))
    except ValueError:
        return None
    replica = _replica_of(record["server"])
    if record["model"] in ("", NO_VALUE) or not _is_lost(record, replica):
        return None
    client_id = b"" if record["client_id"] == NO_VALUE else record["client_id"].encode()
    return LostRequest(
        model=record["model"],
        request_id=record["client_id"] if client_id and id_chars.issuperset(client_id) else record["generated_id"],
        client=record["client"],
        protocol="grpc" if record["frontend"] == "edge_grpc" else "http",
        replica=replica,
        total_ms=max(0.0, float(record["total_ms"])),
        body_bytes=record["bytes"],
        through_proxy=record["server"].startswith(PROXY_PREFIX),
    )


def _replica_of(server: str) -> str:
    """See `LostRequest.replica`; `server` is HAProxy's name."""
    if server.startswith(REPLICA_PREFIX):
        return server.rpartition("-")[2]
    return UNKNOWN_REPLICA if server == NEWEST_SERVER else ""


def _is_lost(record: dict[str, Any], replica: str) -> bool:
    if replica:
        return record["termination"][:1] in SERVER_FAILED
    # No replica was available: the edge rejected the request at once, or Serve's proxy timed out waiting for a replica. The
    # HTTP status of a gRPC call is 200, so it is not counted here.
    return bool(record["status"] >= 500)
