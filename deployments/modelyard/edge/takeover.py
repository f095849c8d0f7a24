"""How no request is lost when a new HAProxy takes over, which is at each change of any model. Pure text.

The old process keeps its connections: whoever has one may send a request on it at any moment, and would lose it where the
connection closed in that moment. But the old process knows neither new models nor the replicas of today. So it passes every
further request on to the new process, and its response says `connection: close` (over HTTP/2, GOAWAY).
"""

from dataclasses import dataclass

FORWARD_LISTENER = "door"
"""What the frontends call the door."""
NEWEST_SERVER = "newest"
"""What the backends call it."""


@dataclass(frozen=True, slots=True)
class NewestProcess:
    """The newest process's door for older ones, beside the one for clients."""

    backend: str
    path: str
    """Of a Unix socket, which the newest process takes over; quoted, so that the variable is HAProxy's to read."""

    @property
    def bind(self) -> str:
        """A line for the frontend behind the door. Clients' own addresses come with their requests."""
        return f"bind {self.path} mode 600 accept-proxy name {FORWARD_LISTENER}"

    @property
    def choice(self) -> str:
        """The frontend's first `use_backend`."""
        return f"use_backend {self.backend} if passed_on"


NEWEST = {
    "http": NewestProcess("edge_newest_http", '"unix@${MODELYARD_EDGE}/http.sock"'),
    "grpc": NewestProcess("edge_newest_grpc", '"unix@${MODELYARD_EDGE}/grpc.sock"'),
}


def render_forward_rules(newest: NewestProcess) -> str:
    """Lines that come first in a frontend: no other rule is for a request that is passed on."""
    return """\
    # This process has been replaced: the new one, which knows what is served now, answers.
    http-request set-var(txn.passed_on) bool(true) if { stopping }
    acl passed_on var(txn.passed_on) -m bool
    http-request allow if passed_on
"""


def render_newest_backends() -> str:
    """The backends. A connection is used once: see edge/retries.py."""
    return "".join(
        f"backend {each.backend} from edge\n    http-reuse never\n    server {NEWEST_SERVER} {each.path} send-proxy-v2\n"
        for each in NEWEST.values()
    )
