"""A server's events, in `events.jsonl` of its state folder: one JSON object a line, oldest first.

Every line has `time` (ISO 8601, UTC) and `event`, and `model`, `version` and `reason` if they are known. The events:

    step                                             a step of a start or a stop
    started                                          the end of a start
    state                                            the state of a model that has changed
    add, restart, scale, update, remove, refuse      a change, and its reason
    waits                                            a change that waits for `modelyard apply`
    mistake                                          an error in the configuration, with its place
    trouble                                          any other problem that the operator should read of

At MAX_BYTES the file is renamed to `events.jsonl.1`, in place of the one before.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.control.append_file import AppendFile
from modelyard.control.writes import Writes

if TYPE_CHECKING:
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.plan import Action
    from modelyard.control.status import ModelStatus

NAME = "events.jsonl"
MAX_BYTES = 4 * 2**20


def _now() -> datetime:
    return datetime.now(UTC)


class EventFile:
    """Implements `reports.Report`. A full disk costs events, and nothing else."""

    def __init__(
        self,
        folder: Path,
        writes: Writes,
        now: Callable[[], datetime] = _now,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._file = AppendFile(folder / NAME, max_bytes)
        self._writes = writes
        self._now = now

    def starting(self, what: str) -> None:
        """See Report."""
        self._write("step", what=what)

    def progress(self, statuses: "Sequence[ModelStatus]") -> None:
        """See Report; not written."""

    def started(self, statuses: "Sequence[ModelStatus]", curl: str, metrics: str) -> None:
        """See Report."""
        self._write("started")
        for status in statuses:
            self.changed(status)

    def mistakes(self, error: "SpecError") -> None:
        """See Report."""
        for each in error.diagnostics:
            place = {"line": each.line, "column": each.column} if each.line else {}
            self._write("mistake", file=each.path, **place, reason=each.message)

    def applied(self, actions: "Sequence[Action]") -> None:
        """See Report."""
        for action in actions:
            self._write(action.kind, model=action.model, reason=action.why)

    def awaits(self, actions: "Sequence[Action]", withheld: str) -> None:
        """See Report."""
        for action in actions:
            self._write("waits", action=action.kind, model=action.model, reason=action.why)

    def changed(self, status: "ModelStatus") -> None:
        """See Report."""
        replicas = {"replicas": status.replicas, "replicas_wanted": status.replicas_wanted}
        version = ", ".join(status.versions)
        self._write("state", model=status.name, state=status.state, version=version, **replicas, reason=status.reason)

    def trouble(self, what: str) -> None:
        """See Report."""
        self._write("trouble", reason=what)

    def _write(self, event: str, **more: object) -> None:
        known = {key: value for key, value in more.items() if value != ""}
        line = json.dumps({"time": self._now().isoformat(timespec="milliseconds"), "event": event, **known})
        self._file.add(line.encode())
        self._writes.attempt(self._file.path, self._file.write)
