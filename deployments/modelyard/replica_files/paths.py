"""The files of a replica: its log, and why its process ended. Other processes read them after it has ended."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

ExitReason = Literal["stopped", "exit", "watchdog", "health_check"]
MAX_FATAL_BYTES = 64 * 2**10
"""Maximum size to read of the output that Python writes on a fatal error."""
SIGNALS = {
    "Segmentation fault": signal.SIGSEGV,
    "Aborted": signal.SIGABRT,
    "Bus error": signal.SIGBUS,
    "Floating point exception": signal.SIGFPE,
    "Illegal instruction": signal.SIGILL,
}
"""Signals by their name in faulthandler (CPython, Modules/faulthandler.c)."""
TIMEOUT_PREFIX = "Timeout ("
"""First characters of the output of faulthandler's timer, which ends the process."""


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """Why a process ends, written by the process itself."""

    reason: ExitReason
    """stopped: Serve stopped it. exit: code in it called os._exit. watchdog: see `replica.watchdog`. health_check: its health check
    fails, and Serve will end it."""
    detail: str
    """A sentence without full stop; "" if the reason says everything."""
    thread: str = ""
    """The thread that ended the process, as in the text of faulthandler; "" if it is not known."""


@dataclass(frozen=True, slots=True)
class ReplicaFiles:
    """The files of one replica."""

    folder: Path
    """The folder of all replicas' files."""
    model: str
    replica: str
    """Serve's id of the replica."""

    @property
    def log(self) -> Path:
        """Its log; see `log_records`."""
        return self._file("jsonl")

    @property
    def fatal(self) -> Path:
        """Text that Python writes on a fatal signal, and when the watchdog's timer ends the process."""
        return self._file("fatal")

    @property
    def exit(self) -> Path:
        """An ExitRecord."""
        return self._file("exit")

    @property
    def running(self) -> Path:
        """The ids of the requests whose model call is running; see `inference.running_requests`."""
        return self._file("running")

    def _file(self, kind: str) -> Path:
        return self.folder / self.model / f"{self.replica}.{kind}"

    def write_exit(self, record: ExitRecord) -> None:
        """Write the exit record. It replaces an earlier one. Raises OSError."""
        partial = self.exit.with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_bytes(orjson.dumps(asdict(record)))
        partial.replace(self.exit)

    def delete_exit(self) -> None:
        """Delete the exit record, because the process goes on."""
        self.exit.unlink(missing_ok=True)

    def delete_diagnostics(self) -> None:
        """Delete the files that are needed only if the process dies."""
        for path in (self.running, self._file("copies"), *((self.fatal,) if not self.read_fatal() else ())):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def read_exit(self) -> ExitRecord | None:
        """The exit record; None if there is no valid one."""
        with suppress(OSError, ValueError, TypeError):
            return ExitRecord(**orjson.loads(self.exit.read_bytes()))
        return None

    def write_copies(self, originals: Mapping[str, str]) -> None:
        """Write which folder each copied folder comes from, to map the paths in `fatal` back. Raises OSError."""
        self._file("copies").write_bytes(orjson.dumps(originals))

    def read_fatal(self) -> str:
        """The text of `fatal`, with the paths of the repository in place of the copies'; "" if there is none."""
        text, originals = "", {}
        with suppress(OSError), self.fatal.open("rb") as file:
            text = file.read(MAX_FATAL_BYTES).decode(errors="replace")
        with suppress(OSError, ValueError):
            originals = orjson.loads(self._file("copies").read_bytes())
        for copy, original in originals.items():
            text = text.replace(copy, original)
        return text


def replicas_with_files(folder: Path, application: str) -> set[str]:
    """The ids of an application's replicas that have recorded why they end, or may have had a fatal error; see ReplicaFiles."""
    with suppress(OSError):
        return {each.stem for each in (folder / application).iterdir() if each.suffix in (".exit", ".fatal")}
    return set()


def signal_of(fatal: str) -> signal.Signals | None:
    """The signal that ended the process, from the text of `fatal`; None if it names none."""
    return next((number for name, number in SIGNALS.items() if f"Fatal Python error: {name}" in fatal), None)


def open_private(path: Path, mode: int = os.O_WRONLY | os.O_APPEND) -> int:
    """Open or create a file that only its owner can read, by default for appending. Returns the descriptor. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, mode | os.O_CREAT | os.O_CLOEXEC, 0o600)
