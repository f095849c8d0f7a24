"""Where Ray Serve runs: embedded in this process's tree (`embedded.py`), or in a cluster (`cluster.py`)."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from modelyard.control.desired import DesiredState
from modelyard.control.lost_requests import LostRequests
from modelyard.control.notices import Notices
from modelyard.control.probe import ServerUrls
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running

if TYPE_CHECKING:  # it imports Ray, which decisions do without
    from modelyard.control.client import ServeClient
    from modelyard.ray_serve.hub import HubConfig


class NodeDied(Exception):
    """Ray ended under the server; its one argument names the processes. The one error that ends the reconciler."""


class Node(Protocol):
    """What the runner calls, in this order."""

    urls: ServerUrls
    hub: "HubConfig"
    metrics_url: str
    """Where metrics are read, for the operator."""

    def connect(self) -> "AbstractContextManager[ServeClient]":
        """Start Ray Serve or attach to it; stop or detach at the end of the block. Raises ConnectionError."""

    def max_loads(self, client: "ServeClient") -> int:
        """How many replicas may load their models at the same time."""

    def last_good(self) -> Mapping[str, ServeConfig]:
        """The applications that answered in the run before, by name."""

    def lost_requests(self) -> LostRequests:
        """Receives the load balancer's log of requests that no replica answered."""

    def serving(self) -> None:
        """The reconciler is about to start."""

    def check(self, notices: Notices, rollback: Rollback, *, started: bool) -> None:
        """Called at the start of each cycle, before any call of Serve. Raises NodeDied."""

    def before_deploy(self, desired: DesiredState, target: ServeConfig) -> None:
        """Called before Serve gets a config. Raises NotWritten: then it does not get it."""

    def reaches(self, application: str) -> bool:
        """Whether the load balancer has replicas of this application of Serve."""

    def observed(self, running: Running) -> None:
        """Called with each observation of Serve."""

    def stopping(self, client: "ServeClient") -> None:
        """The reconciler has ended in good order."""
