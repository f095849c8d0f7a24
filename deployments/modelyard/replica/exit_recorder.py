"""Records why this replica's process ends, as far as it can know. Ray's raylet does not keep the exit code."""

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from modelyard.replica.watchdog import STUCK
from modelyard.replica_files.paths import ExitRecord, ReplicaFiles, open_private

logger = logging.getLogger(__name__)


class ExitRecorder:
    """The recorder of one process. Call `install` once, before any operator code runs."""

    def __init__(self, files: ReplicaFiles, end_process: Callable[[int], object] = os._exit) -> None:
        self._files = files
        self._end_process = end_process
        self._pid = os.getpid()
        self._unhealthy = ""
        self._fatal = -1

    def install(self) -> None:
        """Record calls of os._exit and fatal signals from here on. If the file cannot be written, nothing is recorded."""
        try:
            self._fatal = open_private(self._files.fatal)
        except OSError as error:
            logger.warning("cannot write %s: %s", self._files.fatal, error)
        else:
            self.record_signals()
        os._exit = self._os_exit  # type: ignore[assignment] # operator code calls it by this name

    def record_signals(self) -> None:
        """Record fatal signals, also if operator code has turned that off, or has chosen another file."""
        if self._fatal >= 0:
            faulthandler.enable(file=self._fatal)

    def record_copies(self, originals: Mapping[str, str]) -> None:
        """Record the folders that operator code was copied to, with their originals."""
        try:
            self._files.write_copies(originals)
        except OSError as error:
            logger.warning("cannot write next to %s: %s", self._files.fatal, error)

    def end_later(self, seconds: float) -> None:
        """See `watchdog.end_later`; the stacks are written to the replica's own file."""
        try:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._fatal if self._fatal >= 0 else sys.stderr)
        except RuntimeError:  # no memory for its thread; the next check tries again
            logger.warning("the timer that ends a stuck process could not be set")

    def stopped(self) -> None:
        """Record that Serve stops the process, unless that is for a failed health check, which is recorded already."""
        if self._unhealthy:
            return
        self._write(ExitRecord("stopped", ""))
        self._files.delete_diagnostics()

    def stuck(self, code: int = STUCK) -> None:
        """Record that the watchdog ends the process, and end it."""
        self._write(ExitRecord("watchdog", f"exit code {code}: a model call blocked the event loop"))
        self._end_process(code)

    def record_health(self, problem: str) -> None:
        """Record the result of a health check: `problem` is "" if it passed."""
        if problem:
            self._write(ExitRecord("health_check", problem))
        elif self._unhealthy:
            self._files.delete_exit()
        self._unhealthy = problem

    def _os_exit(self, status: int) -> None:
        if os.getpid() == self._pid:  # not a process that the model forked
            detail = f"exit code {status}{_location(sys._getframe(1))}"
            self._write(ExitRecord("exit", detail, f"{threading.get_ident():#018x}"))
        self._end_process(status)

    def _write(self, record: ExitRecord) -> None:
        try:
            self._files.write_exit(record)
        except OSError as error:
            logger.warning("cannot write %s: %s", self._files.exit, error)


def _location(frame: FrameType) -> str:
    return f", os._exit in {Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
