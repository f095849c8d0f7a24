"""Decodes the large bodies of one version in a separate process, one after the other.

A JSON parser holds the interpreter's lock for the whole body: 20 to 150 ms per MB, in any thread. The event loop answers no other
request meanwhile. The decoded lists need 10 to 40 times the memory of the body. In a separate process neither affects the
replica, and all memory is freed when the idle process is stopped.
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
"""The folder that contains this package."""
IDLE_S = 10.0
"""The process is stopped after so much time without a job."""
MAX_MEMORY_RATIO, BASE_MEMORY_BYTES = 32, 2**28
"""The memory limit of the process: so many times the largest body, plus what it needs without a body."""


@dataclass(slots=True)
class _PendingJob:
    job: DecodeJob
    outcome: asyncio.Future[Any]
    """Its result is the decoded request or an error. (asyncio.wrap_future would keep the result in a reference cycle.)"""
    cancelled: bool = False

    def settle(self, outcome: Any) -> None:
        """Set the outcome; called on the event loop."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Decoder:
    """The decoder process of one version. It starts at the first large body."""

    def __init__(
        self,
        version: tuple[str, int, Signature],
        codecs: Codecs,
        *,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        idle_s: float = IDLE_S,
    ) -> None:
        """`version` is the model's name, the version's number and its signature. The process builds its own codecs from them."""
        self.loop = loop
        self.timeout_s = limits.timeout_s
        """The timeout of a request."""
        self._version = version
        self.codecs = codecs
        self._max_bytes = _max_bytes(limits)
        self._idle_s = idle_s
        self._open = 0
        self._ended = False
        self._idle: asyncio.TimerHandle | None = None
        self._worker = Worker("modelyard-decoder")  # only this thread starts, stops and waits for the process
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()  # guards `_running` and the kill: a job may be cancelled at any time
        self._running: _PendingJob | None = None

    def configure(self, limits: Limits) -> None:
        """Apply these from the next body on. Another body limit needs another process, which starts with the next large body."""
        self.timeout_s = limits.timeout_s
        if (most_bytes := _max_bytes(limits)) != self._max_bytes:
            self._max_bytes = most_bytes
            if self._process is not None or self._open:  # else the worker's thread would start for nothing
                self._worker.do(self._stop)

    @property
    def process_id(self) -> int | None:
        """The id of the process, if it is running."""
        process = self._process
        return None if process is None else process.pid

    async def decode(self, job: DecodeJob) -> Any:
        """The decoded request. Small bodies are decoded at once, in this process.

        Raises the codec's errors, and PayloadTooLarge if decoding exceeds the memory limit. Cancelling a call skips its job, or
        kills the process if the job is running.
        """
        if not job.is_large:
            return job.run(self.codecs)
        pending = _PendingJob(job, self.loop.create_future())
        self._open += 1
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        try:
            self._worker.do(partial(self._do, pending))
            outcome = await pending.outcome
        except asyncio.CancelledError:
            self._cancel(pending)
            raise
        finally:
            self._open -= 1
            if not (self._open or self._ended):
                self._idle = self.loop.call_later(self._idle_s, self.close)
        if not isinstance(outcome, Exception):
            return outcome
        try:
            raise outcome
        finally:
            del outcome, job, pending  # breaks the reference cycle of the error and this frame, which holds the body

    @property
    def open_requests(self) -> int:
        """Requests whose bodies are being decoded, or wait for it."""
        return self._open

    def close(self) -> None:
        """Stop the process. The next large body starts another one."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._worker.do(self._stop)

    def end(self) -> None:
        """Stop the process, and then the thread that waits for it. No further large body is decoded."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._ended = True
        self._worker.stop(self._stop)

    def _cancel(self, pending: _PendingJob) -> None:
        pending.cancelled = True
        with self._lock:
            if self._running is pending and self._process is not None:
                self._process.kill()

    # In the worker's thread

    def _do(self, pending: _PendingJob) -> None:
        try:
            outcome = self._outcome(pending)
        except Exception as error:  # noqa: BLE001 - the error is raised to the waiting caller
            outcome = error
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(pending.settle, outcome)

    def _outcome(self, pending: _PendingJob) -> Any:
        process = self._process = self._process or self._start()
        if process is None:
            return pending.job.run(self.codecs)
        with self._lock:
            if pending.cancelled:
                return None
            self._running = pending
        try:
            outcome = _exchange(process, pending.job, self.codecs)
        finally:
            with self._lock:
                self._running = None
        if outcome is not None and not isinstance(outcome, MemoryError | SystemError):
            return outcome
        self._stop()
        limit_mib = self._max_bytes >> 20
        return PayloadTooLarge(f"decoding the body needs more than the memory limit of {limit_mib} MiB")

    def _start(self) -> subprocess.Popen[bytes] | None:
        """A process that is ready to decode; None if it cannot start, for example for lack of memory."""
        # Not this process's own sys.path: it may hold an operator's modules, with the names of standard modules.
        path = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "modelyard.protocols.decoder.program"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            log.warning("large bodies are decoded in the replica process: %s", error)
            return None
        requests, responses = _pipes(process)
        try:
            write(requests, (self._max_bytes, *self._version), self.codecs)
            read(responses, self.codecs)
        except (EOFError, OSError, pickle.UnpicklingError):
            _end(process)
            log.warning(
                "large bodies are decoded in the replica process: the decoder process exited with %s",
                process.returncode,
            )
            return None
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)


def _max_bytes(limits: Limits) -> int:
    return MAX_MEMORY_RATIO * limits.body + BASE_MEMORY_BYTES


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # it has no state to lose
    with suppress(BrokenPipeError), process:
        pass  # closes the pipes and waits for the process


def _exchange(process: subprocess.Popen[bytes], job: DecodeJob, codecs: Codecs) -> Any:
    """The outcome; None if the process died."""
    requests, responses = _pipes(process)
    try:
        write(requests, job, codecs)
        return read(responses, codecs)
    except (EOFError, OSError, pickle.UnpicklingError):
        return None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    """The pipes that the process reads from and writes to."""
    return cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
