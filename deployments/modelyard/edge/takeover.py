"""HAProxy rules that lose no request when a new HAProxy process takes over, which happens at each change of any model. Pure text.

The old process keeps its client connections: closing one could lose a request that the client is just sending. But the old process
does not know new models or current replicas. So it forwards each further request to the newest process over a Unix socket, and its
response says `connection: close` (over HTTP/2, GOAWAY), which moves the client to the new process.
"""

from dataclasses import dataclass

FORWARD_LISTENER = "forward"
"""The name of the listener (`so_name`) that receives forwarded requests."""
NEWEST_SERVER = "newest"
"""The name of the newest process as a backend's server."""


@dataclass(frozen=True, slots=True)
class NewestProcess:
    """The newest process as a target for older ones."""

    backend: str
    path: str
    """Of a Unix socket, which each new process takes over; quoted, so that HAProxy expands the variable."""

    @property
    def bind(self) -> str:
        """A bind line for the frontend that receives forwarded requests. The PROXY protocol carries clients' addresses."""
        return f"bind {self.path} mode 600 accept-proxy name {FORWARD_LISTENER}"

    @property
    def choice(self) -> str:
        """The frontend's first `use_backend`."""
        return f"use_backend {self.backend} if forward"


NEWEST = {
    "http": NewestProcess("edge_newest_http", '"unix@${MODELYARD_EDGE}/http.sock"'),
    "grpc": NewestProcess("edge_newest_grpc", '"unix@${MODELYARD_EDGE}/grpc.sock"'),
}


def render_forward_rules() -> str:
    """The first rules of a frontend: no other rule applies to a request that is forwarded."""
    return """\
    # This process has been replaced: forward the request to the newest one, which knows the current models.
    http-request set-var(txn.forward) bool(true) if { stopping }
    acl forward var(txn.forward) -m bool
    http-request allow if forward
"""


def render_newest_backends() -> str:
    """The backends for forwarded requests. Each connection is used once: see edge/retries.py."""
    return "".join(
        f"""\
backend {each.backend} from edge
    # Each connection is used once: never for another client, and not for the client's next request.
    http-reuse never
    option http-server-close
    server {NEWEST_SERVER} {each.path} send-proxy-v2
"""
        for each in NEWEST.values()
    )
