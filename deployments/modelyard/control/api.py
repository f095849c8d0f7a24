"""What the control socket answers: a version, and three resources of it.

    GET  /v1/status   the server's phase, and every model
    POST /v1/plan     {"config": FOLDER}                             what an apply would change
    POST /v1/apply    {"config": FOLDER, "allow_removals": BOOL}     change it

Statuses: 400 a bad request, 404 no such resource or version, 409 withheld until it is confirmed, 422 mistakes in the
configuration, 503 not now.
"""

from typing import Any, Protocol

from modelyard.control.live_state import LiveState
from modelyard.control.plan import NeedsConfirmation

VERSION = "v1"


class Operations(Protocol):
    """What a server does that is up: `control.operations.FileOperations`."""

    def plan(self, folder: str) -> dict[str, Any]:
        """What an apply would change."""

    def apply(self, folder: str, *, allow_removals: bool) -> dict[str, Any]:
        """What was changed. Raises NeedsConfirmation."""


class Unreadable(Exception):
    """A configuration with mistakes; its one argument is the list of their diagnostics as plain values."""


class ControlApi:
    """See the module's text. `operations` is set once the server is up."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self.operations: Operations | None = None

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """See `control_server.Answer`."""
        if (method, path) == ("GET", f"/{VERSION}/status"):
            return 200, self._live.as_json()
        if (method, path) not in (("POST", f"/{VERSION}/plan"), ("POST", f"/{VERSION}/apply")):
            return 404, {"error": f"there is no {method} {path}; this server answers {VERSION}"}
        if not isinstance(body, dict) or not isinstance(body.get("config"), str):
            return 400, {"error": "the body must be an object with the configuration's folder in 'config'"}
        operations = self.operations
        if operations is None:
            told = self._live.as_json()["server"]
            return 503, {"error": f"the server is {told['phase']}" + (f": {told['step']}" if told["step"] else "")}
        try:
            if path.endswith("/plan"):
                return 200, operations.plan(body["config"])
            return 200, operations.apply(body["config"], allow_removals=body.get("allow_removals") is True)
        except NeedsConfirmation as error:
            return 409, {"withheld": str(error)}
        except Unreadable as error:
            return 422, {"diagnostics": error.args[0]}
        except (ConnectionError, TimeoutError) as error:
            return 503, {"error": str(error)}
