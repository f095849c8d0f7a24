"""Notes why this replica's process ends, where it can: nobody else learns the exit code, as Ray's raylet does not keep it."""

import faulthandler
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from modelyard.replica.watchdog import STUCK
from modelyard.replica_files.paths import ExitRecord, ReplicaFiles, open_private

logger = logging.getLogger(__name__)


class ExitRecorder:
    """Of one process. `install` once, before any code of the operator runs."""

    def __init__(self, files: ReplicaFiles, end: Callable[[int], object] = os._exit) -> None:
        self._files = files
        self._end = end
        self._pid = os.getpid()
        self._unhealthy = ""
        self._fatal = -1

    def install(self) -> None:
        """From now on, note calls of os._exit and fatal signals; where the disk is full, nothing is noted."""
        try:
            self._fatal = open_private(self._files.fatal)
        except OSError as error:
            logger.warning("cannot write %s: %s", self._files.fatal, error)
        else:
            faulthandler.enable(file=self._fatal)
        os._exit = self._os_exit  # type: ignore[assignment] # an operator's code calls it by this name

    def loaded(self, originals: Mapping[str, str]) -> None:
        """The models are loaded; these folders with their code are copies of those."""
        try:
            self._files.write_copies(originals)
        except OSError as error:
            logger.warning("cannot write beside %s: %s", self._files.fatal, error)

    def end_later(self, seconds: float) -> None:
        """See `watchdog.end_later`; the stacks go to the replica's own file."""
        try:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._fatal if self._fatal >= 0 else sys.stderr)
        except RuntimeError:  # no memory for its thread; the next look tries again
            logger.warning("the timer that ends a stuck process could not be set")

    def stopped(self) -> None:
        """The process ends because Serve asked for it; that may be for its failed health check."""
        if self._unhealthy:
            return
        self._note(ExitRecord("stopped", ""))
        self._files.forget_open()

    def stuck(self, code: int = STUCK) -> None:
        """End the process for its watchdog."""
        self._note(ExitRecord("watchdog", f"exit code {code}: a call of the model held the event loop"))
        self._end(code)

    def healthy(self, trouble: str) -> None:
        """The result of a health check, "" for a good one."""
        if trouble:
            self._note(ExitRecord("health_check", trouble))
        elif self._unhealthy:
            self._files.forget_exit()
        self._unhealthy = trouble

    def _os_exit(self, status: int) -> None:
        if os.getpid() == self._pid:  # and not a process that the model has forked
            self._note(ExitRecord("exit", f"exit code {status}{_place(sys._getframe(1))}"))
        self._end(status)

    def _note(self, record: ExitRecord) -> None:
        try:
            self._files.write_exit(record)
        except OSError as error:
            logger.warning("cannot write %s: %s", self._files.exit, error)


def _place(frame: FrameType) -> str:
    return f", os._exit in {Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
