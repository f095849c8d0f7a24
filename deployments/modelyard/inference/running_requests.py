"""Which requests this thread works for: whatever is logged meanwhile belongs to them, and they are lost if the process ends.

The second is for a process that is killed: it cannot say anything any more, so their ids are kept in a file that is mapped into
memory, which the kernel keeps. On the request path: both together cost well under a microsecond a call.
"""

import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.replica_files.paths import open_private

if TYPE_CHECKING:  # which has tickets, which have requests
    from modelyard.inference.pending_request import PendingRequest

SLOT_BYTES, SLOTS = 4096, 16
"""A thread that works for requests has a slot; if there are more threads, the others have none."""
_LENGTH = 2
_NOTHING = bytes(_LENGTH)


class _Current(threading.local):
    batch: "Sequence[PendingRequest]" = ()
    slot: int = -1
    """Where its slot begins; -1 for none yet."""


CURRENT = _Current()


class RunningRequests:
    """The ids of the requests whose call of the model runs, in a file; nowhere until `open`."""

    def __init__(self) -> None:
        self._map: mmap.mmap | None = None
        self._taken = 0
        self._taking = threading.Lock()

    def open(self, path: Path) -> None:
        """Keep them there from now on. Raises OSError."""
        descriptor = open_private(path, os.O_RDWR)
        try:
            os.posix_fallocate(
                descriptor, 0, SLOT_BYTES * SLOTS
            )  # a map without room behind it ends the process at its first use
            self._map = mmap.mmap(descriptor, SLOT_BYTES * SLOTS)
        finally:
            os.close(descriptor)

    def begin(self, batch: "Sequence[PendingRequest]") -> None:
        """A call for these begins in this thread."""
        CURRENT.batch = batch
        if self._map is None:
            return
        start = CURRENT.slot
        if start < 0 and (start := self._slot()) < 0:
            return
        if len(batch) == 1:
            ids = batch[0].context.request_id.encode()
        else:
            ids = "\n".join([ticket.context.request_id for ticket in batch]).encode()
        ids = ids[: SLOT_BYTES - _LENGTH]
        self._map[start + _LENGTH : start + _LENGTH + len(ids)] = ids
        self._map[start : start + _LENGTH] = len(ids).to_bytes(_LENGTH, "little")

    def end(self) -> None:
        """It has ended."""
        CURRENT.batch = ()
        if self._map is not None and (start := CURRENT.slot) >= 0:
            self._map[start : start + _LENGTH] = _NOTHING

    def _slot(self) -> int:
        with self._taking:
            if self._taken < SLOTS:
                CURRENT.slot = self._taken * SLOT_BYTES
                self._taken += 1
        return CURRENT.slot


RUNNING = RunningRequests()
"""This process's."""


def read_running(path: Path) -> tuple[str, ...]:
    """The ids in the file of a process that has ended."""
    found: list[str] = []
    with suppress(OSError):
        content = path.read_bytes()
        for start in range(0, len(content), SLOT_BYTES):
            length = int.from_bytes(content[start : start + _LENGTH], "little")
            ids = content[start + _LENGTH : start + _LENGTH + length].decode(errors="replace")
            found += [each for each in ids.split("\n") if each]
    return tuple(found)


@contextmanager
def working_for(batch: "Sequence[PendingRequest]") -> Iterator[None]:
    """For this block, this thread works for these."""
    RUNNING.begin(batch)
    try:
        yield
    finally:
        RUNNING.end()


def request_ids() -> tuple[str, ...]:
    """The ids of the requests that this thread works for, as far as they have any."""
    return ids_of(CURRENT.batch)


def ids_of(batch: "Sequence[PendingRequest]") -> tuple[str, ...]:
    """The ids of these requests, as far as they have any."""
    return tuple(ticket.context.request_id for ticket in batch if ticket.context.request_id)
