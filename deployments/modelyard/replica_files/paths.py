"""What a replica leaves on its machine's disk: its log, and why its process ended. Others read it when the process is gone."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

ExitReason = Literal["stopped", "exit", "watchdog", "health_check"]
FATAL_BYTES = 64 * 2**10
"""Of what Python wrote on a fatal error, so much is of interest."""
SIGNALS = {
    "Segmentation fault": signal.SIGSEGV,
    "Aborted": signal.SIGABRT,
    "Bus error": signal.SIGBUS,
    "Floating point exception": signal.SIGFPE,
    "Illegal instruction": signal.SIGILL,
}
"""As faulthandler names them (CPython, Modules/faulthandler.c)."""
TIMER = "Timeout ("
"""So begins what faulthandler's timer writes before it ends the process."""


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """Why a process is about to end, by its own word."""

    reason: ExitReason
    """stopped: Serve asked for it. exit: something in it called os._exit. watchdog: see `serving.watchdog`. health_check: it fails
    its health check, and Serve will end it."""
    detail: str
    """A sentence without its full stop; "" where the reason says it all."""


@dataclass(frozen=True, slots=True)
class ReplicaFiles:
    """The files of one replica."""

    folder: Path
    """Of all replicas of the server."""
    model: str
    replica: str
    """Serve's id of it."""

    @property
    def log(self) -> Path:
        """What it logged, a line of JSON each."""
        return self._file("jsonl")

    @property
    def fatal(self) -> Path:
        """What Python wrote on a fatal signal, or when the timer of the watchdog ended it; text."""
        return self._file("fatal")

    @property
    def exit(self) -> Path:
        """An ExitRecord."""
        return self._file("exit")

    @property
    def running(self) -> Path:
        """The ids of the requests whose call of the model runs; see `serving.current`."""
        return self._file("running")

    def _file(self, kind: str) -> Path:
        return self.folder / self.model / f"{self.replica}.{kind}"

    def write_exit(self, record: ExitRecord) -> None:
        """Leave this, in the place of an earlier one. Raises OSError."""
        partial = self.exit.with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_bytes(orjson.dumps(asdict(record)))
        partial.replace(self.exit)

    def forget_exit(self) -> None:
        """It will not end after all."""
        self.exit.unlink(missing_ok=True)

    def forget_open(self) -> None:
        """What is of interest only if the process dies."""
        for path in (self.running, self._file("copies"), *((self.fatal,) if not self.read_fatal() else ())):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def read_exit(self) -> ExitRecord | None:
        """What the process left; None where it left nothing."""
        with suppress(OSError, ValueError, TypeError):
            return ExitRecord(**orjson.loads(self.exit.read_bytes()))
        return None

    def write_copies(self, originals: Mapping[str, str]) -> None:
        """Note that these folders are copies of those, for who reads their paths in `fatal`. Raises OSError."""
        self._file("copies").write_bytes(orjson.dumps(originals))

    def read_fatal(self) -> str:
        """What Python wrote, with the repository's paths; "" where there is nothing."""
        text, originals = "", {}
        with suppress(OSError), self.fatal.open("rb") as file:
            text = file.read(FATAL_BYTES).decode(errors="replace")
        with suppress(OSError, ValueError):
            originals = orjson.loads(self._file("copies").read_bytes())
        for copy, original in originals.items():
            text = text.replace(copy, original)
        return text


def signal_of(fatal: str) -> signal.Signals | None:
    """The signal that ended the process, by what Python wrote."""
    return next((number for name, number in SIGNALS.items() if f"Fatal Python error: {name}" in fatal), None)


def open_private(path: Path, mode: int = os.O_WRONLY | os.O_APPEND) -> int:
    """A descriptor of a file that only its owner reads, to append to unless told otherwise. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, mode | os.O_CREAT | os.O_CLOEXEC, 0o600)
