"""The requests that each thread processes, to attribute log records to requests and to report the requests that a crash lost.

A killed process can report nothing, so it keeps the ids in a memory-mapped file, which the kernel preserves, with the models that
are called or loaded. Both together cost about a microsecond per batch.
"""

import fcntl
import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelyard.inference.recorder import RequestContext
from modelyard.replica_files.paths import open_private

SLOT_BYTES, SLOTS = 4096, 32
"""Each call or load that runs has a slot of the file; with more at the same time, some have none. The first line of a slot has the
model, a tab, and the thread's identifier as faulthandler writes it; the other lines are the ids of requests."""
_LENGTH_BYTES = 2
_EMPTY = bytes(_LENGTH_BYTES)


class RunningRequest(Protocol):
    """A request of a batch (`pending_request.PendingRequest`)."""

    context: RequestContext


class _CurrentBatch(threading.local):
    batch: Sequence[RunningRequest] = ()


class _Slot(threading.local):
    start: int = -1
    """Offset of the thread's slot; -1 if it has none. A thread keeps its slot as long as many are free."""
    model: str = ""
    head: bytes = b""
    """The first line of the slot for `model`."""


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call or a load of a model that ran when a process ended."""

    model: str
    thread: str
    """As in the text of faulthandler: hexadecimal, 16 digits after 0x."""
    request_ids: tuple[str, ...]


CURRENT = _CurrentBatch()


class RunningRequests:
    """The ids of the requests in running batches, in a file once `open` was called."""

    def __init__(self) -> None:
        self._map: mmap.mmap | None = None
        self._slot = _Slot()
        self._free = [slot * SLOT_BYTES for slot in range(SLOTS)]  # list.append and pop are atomic

    def open(self, path: Path) -> None:
        """Write the ids to this file from here on. Raises OSError."""
        descriptor = open_private(path, os.O_RDWR)
        try:
            # If the disk were too full for a mapped page, its first use would end the process.
            os.posix_fallocate(descriptor, 0, SLOT_BYTES * SLOTS)
        except OSError:
            os.close(descriptor)
            raise
        with suppress(OSError):  # a file system without locks
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The descriptor stays open: the lock shows that the process lives. See `is_alive`.
        self._map = mmap.mmap(descriptor, SLOT_BYTES * SLOTS)

    def begin(self, batch: Sequence[RunningRequest], model: str = "") -> None:
        """A batch of these requests to the model begins in this thread; without requests, a load of the model."""
        CURRENT.batch = batch
        if self._map is None:
            return
        slot = self._slot
        if (start := slot.start) < 0:
            try:
                start = slot.start = self._free.pop()
            except IndexError:
                return
        if model != slot.model or not slot.head:
            slot.model, slot.head = model, f"{model}\t{threading.get_ident():#018x}\n".encode()
        if len(batch) == 1:
            text = slot.head + batch[0].context.request_id.encode()
        else:
            text = slot.head + "\n".join([pending.context.request_id for pending in batch]).encode()
        text = text[: SLOT_BYTES - _LENGTH_BYTES]
        self._map[start + _LENGTH_BYTES : start + _LENGTH_BYTES + len(text)] = text
        self._map[start : start + _LENGTH_BYTES] = len(text).to_bytes(_LENGTH_BYTES, "little")

    def end(self) -> None:
        """The batch, or the load, has ended."""
        CURRENT.batch = ()
        if self._map is not None and (start := self._slot.start) >= 0:
            self._map[start : start + _LENGTH_BYTES] = _EMPTY
            if len(self._free) < SLOTS // 2:
                self.leave_slot()

    def leave_slot(self) -> None:
        """This thread ends, or others need its slot."""
        if (start := self._slot.start) >= 0:
            self._slot.start = -1
            self._free.append(start)


RUNNING = RunningRequests()
"""Those of this process."""


def read_running(path: Path) -> tuple[str, ...]:
    """The ids in the file of a process that has ended."""
    return tuple(each for call in read_calls(path) for each in call.request_ids)


def read_calls(path: Path) -> tuple[RunningCall, ...]:
    """The calls and loads in the file of a process that has ended."""
    found: list[RunningCall] = []
    with suppress(OSError):
        content = path.read_bytes()
        for start in range(0, len(content), SLOT_BYTES):
            length = int.from_bytes(content[start : start + _LENGTH_BYTES], "little")
            if not length:
                continue
            text = content[start + _LENGTH_BYTES : start + _LENGTH_BYTES + length].decode(errors="replace")
            first, *ids = text.split("\n")
            model, _, thread = first.partition("\t")
            found.append(RunningCall(model, thread, tuple(each for each in ids if each)))
    return tuple(found)


def is_alive(path: Path) -> bool:
    """Whether the process that writes this file has not ended. Not for the own file: the check would end the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def loading(model: str) -> Iterator[None]:
    """A load of this model runs in this thread in the block."""
    RUNNING.begin((), model)
    try:
        yield
    finally:
        RUNNING.end()


@contextmanager
def working_for(batch: Sequence[RunningRequest]) -> Iterator[None]:
    """Attribute what this thread does in the block to these requests."""
    RUNNING.begin(batch)
    try:
        yield
    finally:
        RUNNING.end()


def request_ids() -> tuple[str, ...]:
    """The ids of the requests that this thread processes; a request without an id is left out."""
    return ids_of(CURRENT.batch)


def ids_of(batch: Sequence[RunningRequest]) -> tuple[str, ...]:
    """The ids of these requests; a request without an id is left out."""
    return tuple(pending.context.request_id for pending in batch if pending.context.request_id)
