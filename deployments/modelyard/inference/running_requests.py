"""The requests that each thread processes, to attribute log records to requests and to report the requests that a crash lost.

A killed process can report nothing, so it keeps the ids in a memory-mapped file, which the kernel preserves. Both together cost
well under a microsecond per batch.
"""

import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.replica_files.paths import open_private

if TYPE_CHECKING:  # that module imports this one
    from modelyard.inference.pending_request import PendingRequest

SLOT_BYTES, SLOTS = 4096, 16
"""Each thread that processes requests has a slot of the file; further threads have none."""
_LENGTH_BYTES = 2
_EMPTY = bytes(_LENGTH_BYTES)


class _ThreadState(threading.local):
    batch: "Sequence[PendingRequest]" = ()
    slot: int = -1
    """Offset of the thread's slot; -1 before it has one."""


CURRENT = _ThreadState()


class RunningRequests:
    """The ids of the requests in running batches, in a file once `open` was called."""

    def __init__(self) -> None:
        self._map: mmap.mmap | None = None
        self._slots = 0
        self._lock = threading.Lock()

    def open(self, path: Path) -> None:
        """Write the ids to this file from here on. Raises OSError."""
        descriptor = open_private(path, os.O_RDWR)
        try:
            # If the disk were too full for a mapped page, its first use would end the process.
            os.posix_fallocate(descriptor, 0, SLOT_BYTES * SLOTS)
            self._map = mmap.mmap(descriptor, SLOT_BYTES * SLOTS)
        finally:
            os.close(descriptor)

    def begin(self, batch: "Sequence[PendingRequest]") -> None:
        """A batch of these requests begins in this thread."""
        CURRENT.batch = batch
        if self._map is None:
            return
        start = CURRENT.slot
        if start < 0 and (start := self._slot()) < 0:
            return
        if len(batch) == 1:
            ids = batch[0].context.request_id.encode()
        else:
            ids = "\n".join([pending.context.request_id for pending in batch]).encode()
        ids = ids[: SLOT_BYTES - _LENGTH_BYTES]
        self._map[start + _LENGTH_BYTES : start + _LENGTH_BYTES + len(ids)] = ids
        self._map[start : start + _LENGTH_BYTES] = len(ids).to_bytes(_LENGTH_BYTES, "little")

    def end(self) -> None:
        """The batch has ended."""
        CURRENT.batch = ()
        if self._map is not None and (start := CURRENT.slot) >= 0:
            self._map[start : start + _LENGTH_BYTES] = _EMPTY

    def _slot(self) -> int:
        with self._lock:
            if self._slots < SLOTS:
                CURRENT.slot = self._slots * SLOT_BYTES
                self._slots += 1
        return CURRENT.slot


RUNNING = RunningRequests()
"""Those of this process."""


def read_running(path: Path) -> tuple[str, ...]:
    """The ids in the file of a process that has ended."""
    found: list[str] = []
    with suppress(OSError):
        content = path.read_bytes()
        for start in range(0, len(content), SLOT_BYTES):
            length = int.from_bytes(content[start : start + _LENGTH_BYTES], "little")
            ids = content[start + _LENGTH_BYTES : start + _LENGTH_BYTES + length].decode(errors="replace")
            found += [each for each in ids.split("\n") if each]
    return tuple(found)


@contextmanager
def working_for(batch: "Sequence[PendingRequest]") -> Iterator[None]:
    """Attribute what this thread does in the block to these requests."""
    RUNNING.begin(batch)
    try:
        yield
    finally:
        RUNNING.end()


def request_ids() -> tuple[str, ...]:
    """The ids of the requests that this thread processes; a request without an id is left out."""
    return ids_of(CURRENT.batch)


def ids_of(batch: "Sequence[PendingRequest]") -> tuple[str, ...]:
    """The ids of these requests; a request without an id is left out."""
    return tuple(pending.context.request_id for pending in batch if pending.context.request_id)
