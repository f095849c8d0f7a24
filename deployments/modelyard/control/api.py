"""The API at the control socket, version 1:

    GET  /v1/status   the server's phase, and every model
    POST /v1/plan     {"config": FOLDER}                             returns what an apply would change
    POST /v1/apply    {"config": FOLDER, "allow_removals": BOOL}     applies the changes

Status codes: 400 invalid request, 404 no such resource or version, 409 needs a confirmation, 422 errors in the configuration,
503 not available now.
"""

from typing import Any, Protocol

from modelyard.control.live_state import LiveState
from modelyard.control.plan import NeedsConfirmation

VERSION = "v1"


class Operations(Protocol):
    """What a running server does: `operations.FileOperations`."""

    def plan(self, folder: str) -> dict[str, Any]:
        """Return what an apply would change."""

    def apply(self, folder: str, *, allow_removals: bool) -> dict[str, Any]:
        """Apply, and return what changed. Raises NeedsConfirmation."""


class Unreadable(Exception):
    """An invalid configuration; its one argument is the list of diagnostics as plain values."""


class ControlApi:
    """See the module's docstring. `operations` is set while the server is up."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self.operations: Operations | None = None

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """See `control_server.Answer`."""
        if (method, path) == ("GET", f"/{VERSION}/status"):
            return 200, self._live.as_json()
        if (method, path) not in (("POST", f"/{VERSION}/plan"), ("POST", f"/{VERSION}/apply")):
            return 404, {"error": f"there is no {method} {path}; this server supports {VERSION}"}
        if not isinstance(body, dict) or not isinstance(body.get("config"), str):
            return 400, {"error": "the body must be an object with the configuration's folder in 'config'"}
        operations = self.operations
        if operations is None:
            state = self._live.as_json()["server"]
            return 503, {"error": f"the server is {state['phase']}" + (f": {state['step']}" if state["step"] else "")}
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
