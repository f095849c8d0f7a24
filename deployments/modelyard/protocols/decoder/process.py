"""Large bodies of one version are decoded in a process of their own, one after the other.

A JSON parser holds the interpreter's lock from beginning to end: 20 to 150 ms for each MB, in which the event loop answers nobody,
whichever thread it runs in. What it makes of a body takes 10 to 40 times the body's memory. Here both are another process's, which
is stopped when it has nothing to do, so all of its memory is given back.
"""

import asyncio
import logging
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, cast

from modelyard.config.model_spec import Limits
from modelyard.errors import PayloadTooLarge
from modelyard.inference.worker import Worker
from modelyard.protocols.codecs import Codecs
from modelyard.protocols.decoder.job import DecodeJob, read, write
from modelyard.tensors import Signature

log = logging.getLogger(__name__)

PACKAGES = Path(__file__).parents[2]
"""Where this package is found."""
IDLE_S = 10.0
"""The process is stopped when it had nothing to do for so long."""
MOST_TIMES, SPARE_BYTES = 32, 2**28
"""How much memory decoding may take: so many times the largest body, and what the process takes without any."""


@dataclass(slots=True)
class _Job:
    decoding: DecodeJob
    outcome: asyncio.Future[Any]
    """Its result is the call or the error. (asyncio.wrap_future keeps what it gave in a cycle until the collector comes.)"""
    given_up: bool = False

    def settle(self, outcome: Any) -> None:
        """On the loop."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Decoder:
    """One version's process. The first large body starts it."""

    def __init__(
        self,
        version: tuple[str, int, Signature],
        codecs: Codecs,
        *,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        idle_s: float = IDLE_S,
    ) -> None:
        """`version` is the model's name, the version's number and its signature, of which the process makes its own codecs."""
        self.loop = loop
        self.timeout_s = limits.timeout_s
        """Of a request."""
        self._version = version
        self.codecs = codecs
        self._most_bytes = _most_bytes(limits)
        self._idle_s = idle_s
        self._open = 0
        self._idle: asyncio.TimerHandle | None = None
        self._worker = Worker("modelyard-decoder")  # waits for the process, and alone starts and stops it
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._running: _Job | None = None  # which may be given up at any time: the lock is for that

    def configure(self, limits: Limits) -> None:
        """Apply these from the next body on. Another body limit needs another process, which starts with the next large body."""
        self.timeout_s = limits.timeout_s
        if (most_bytes := _most_bytes(limits)) != self._most_bytes:
            self._most_bytes = most_bytes
            self._worker.do(self._stop)

    @property
    def process_id(self) -> int | None:
        """Of the process, while there is one."""
        process = self._process
        return None if process is None else process.pid

    async def decode(self, decoding: DecodeJob) -> Any:
        """The decoded call; of a small body at once. Raises what the codec does, PayloadTooLarge where that takes too much memory.

        Whoever stops waiting ends it: what has not begun never does, and the process that was at it is killed.
        """
        if not decoding.large:
            return decoding.run(self.codecs)
        job = _Job(decoding, self.loop.create_future())
        self._open += 1
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        try:
            self._worker.do(partial(self._do, job))
            outcome = await job.outcome
        except asyncio.CancelledError:
            self._give_up(job)
            raise
        finally:
            self._open -= 1
            if not self._open:
                self._idle = self.loop.call_later(self._idle_s, self.close)
        if not isinstance(outcome, Exception):
            return outcome
        try:
            raise outcome
        finally:
            del outcome, job  # the error would hold itself by this frame, and the body

    def close(self) -> None:
        """Let the process end; another body starts another one."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._worker.do(self._stop)

    def _give_up(self, job: _Job) -> None:
        job.given_up = True
        with self._lock:
            if self._running is job and self._process is not None:
                self._process.kill()

    # In the worker's thread

    def _do(self, job: _Job) -> None:
        try:
            outcome = self._outcome(job)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits
            outcome = error
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(job.settle, outcome)

    def _outcome(self, job: _Job) -> Any:
        process = self._process = self._process or self._started()
        if process is None:
            return job.decoding.run(self.codecs)
        with self._lock:
            if job.given_up:
                return None
            self._running = job
        try:
            outcome = _asked(process, job.decoding, self.codecs)
        finally:
            with self._lock:
                self._running = None
        if outcome is not None and not isinstance(outcome, MemoryError | SystemError):
            return outcome
        self._stop()
        most = self._most_bytes >> 20
        return PayloadTooLarge(f"the body takes more memory to read than the {most} MiB that it may")

    def _started(self) -> subprocess.Popen[bytes] | None:
        """Ready to decode; None where it cannot start, for want of memory, say."""
        # Of this process's own path no more: modules of an operator's may have names of Python's.
        path = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "modelyard.protocols.decoder.program"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            log.warning("large bodies are decoded in the replica itself: %s", error)
            return None
        questions, answers = _pipes(process)
        try:
            write(questions, (self._most_bytes, *self._version), self.codecs)
            read(answers, self.codecs)
        except (EOFError, OSError, pickle.UnpicklingError):
            _end(process)
            log.warning(
                "large bodies are decoded in the replica itself: their process ended with %s", process.returncode
            )
            return None
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)


def _most_bytes(limits: Limits) -> int:
    return MOST_TIMES * limits.body + SPARE_BYTES


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # it holds nothing that would be lost
    with suppress(BrokenPipeError), process:
        pass  # closes its pipes, and waits for its end


def _asked(process: subprocess.Popen[bytes], decoding: DecodeJob, codecs: Codecs) -> Any:
    """The outcome; None where the process died of it."""
    questions, answers = _pipes(process)
    try:
        write(questions, decoding, codecs)
        return read(answers, codecs)
    except (EOFError, OSError, pickle.UnpicklingError):
        return None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    """Where it reads, and where it writes."""
    return cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
