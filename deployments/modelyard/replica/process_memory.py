"""The memory of a replica's process: its limit, the garbage collector, and returning freed memory to the system."""

import asyncio
import ctypes
import gc
import logging
import re
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

GC_THRESHOLDS = (10_000, 10, 10)
"""CPython's first one is 700: a batch of 64 requests exceeds that, and every tenth batch would start a collection of the middle
generation."""
TRIM_DELAY_S = 1.0
"""From the first release to the trimming, which covers all releases in between."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessHeap:
    """What a process has allocated."""

    allocated: Callable[[], int]
    """Returns the bytes."""
    collect: Callable[[], Awaitable[None]]
    """Frees what released models have left behind."""
    clock: Callable[[], float] = monotonic
    """Measures how long that takes."""


def limit_memory(extra_bytes: int) -> None:
    """Let this process's data grow by at most `extra_bytes`. Beyond that, allocations fail with MemoryError.

    So a model that exceeds the memory in its YAML fails by itself, before the kernel chooses a process to kill. RLIMIT_DATA counts
    private writable memory (Linux 4.7 and later, getrlimit(2)), including the reserved stacks of threads, 8 MiB each, but not
    Ray's shared object store. A lower limit that is already set stays.
    """
    found = re.search(r"^VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        logger.warning("the memory limit is not set: this kernel does not report the memory of a process (VmData)")
        return
    limit = int(found[1]) * 1024 + extra_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def tune_gc() -> None:
    """Exclude all present objects from garbage collection: Ray, the framework and the model stay until the process ends.

    Call it when the model is loaded. Otherwise full collections traverse all of them, in the middle of a batch: a third of the
    CPU time of a small model's request, measured with onnxruntime and 64 connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def freeze_loaded() -> None:
    """Exclude a model that has just been loaded from garbage collection, without its load's garbage.

    In a process that holds many models a full collection takes 0.1 s for 100 scikit-learn models, and would come after every few
    loads; this takes less than 1 ms. Reference counts free a model that is released. Cycles that are frozen stay until
    `collect_released`.
    """
    gc.collect(1)
    gc.freeze()


def collect_released() -> None:
    """Free the cycles of models that were released. Stops all threads of the process meanwhile."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def trim_heap() -> None:
    """Return freed memory to the system: malloc_trim(3), which only glibc has."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class HeapTrimmer:
    """Trims the heap after large bodies were released, outside the event loop. The C library would keep hundreds of megabytes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, trim: Callable[[], None] = trim_heap) -> None:
        self._loop = loop
        self._trim = trim
        self._timer: asyncio.TimerHandle | None = None

    def schedule(self) -> None:
        """Trim in TRIM_DELAY_S, if that is not already scheduled."""
        if self._timer is None:
            self._timer = self._loop.call_later(TRIM_DELAY_S, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._loop.run_in_executor(None, self._trim)
