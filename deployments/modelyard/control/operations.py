"""Plan and apply at the control socket, for the files as they are now. Called in a connection's thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelyard.config.diagnostic import SpecError
from modelyard.config.server_spec import ServerSpec
from modelyard.control import removals
from modelyard.control.api import Unreadable
from modelyard.control.apply import planned
from modelyard.control.apply_queue import RequestedApplies
from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.live_state import LiveState
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.serve_config import GATEWAY

APPLY_S = 60.0
"""How long an apply waits for the reconciler, which may be waiting for Ray."""


class FileOperations:
    """Implements `control.api.Operations`."""

    def __init__(
        self,
        files: ConfigReader,
        live: LiveState,
        requested: RequestedApplies,
        server: ServerSpec,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`server` is the server.yaml with which the server runs."""
        self._files = files
        self._live = live
        self._requested = requested
        self._server = server
        self._now = now
        self._one_reader = threading.Lock()
        """One reading at a time: the disk limits it."""

    def plan(self, folder: str) -> dict[str, Any]:
        """See `api.Operations`."""
        desired, turn = self._read(folder), self._turn()
        models = turn.running.configs.keys() - {GATEWAY}
        return {
            "actions": [asdict(action) for action in planned(desired, turn.running, turn.rollback)],
            "withheld": removals.withheld(desired.config, self._server, models),
            "refused": desired.refused,
        }

    def apply(self, folder: str, *, allow_removals: bool) -> dict[str, Any]:
        """See `api.Operations`. Raises TimeoutError if the reconciler is busy for too long."""
        self._turn()
        begun = self._now()
        desired = self._read(folder)
        done = self._requested.request(desired, allow_removals=allow_removals, read_from=begun, timeout_s=APPLY_S)
        return {
            "actions": [asdict(action) for action in done.actions],
            "refused": desired.refused,
            "turn": done.turn,
        }

    def _read(self, folder: str) -> DesiredState:
        try:
            with self._one_reader:
                return self._files.copy(Path(folder)).read_settled()
        except SpecError as error:
            raise Unreadable([diagnostic.as_json() for diagnostic in error.diagnostics]) from error

    def _turn(self) -> LoopSnapshot:
        if self._live.turn is None:
            raise ConnectionError("the server has not observed Serve yet: try again in a moment")
        return self._live.turn
