"""Every process below this one, by the kernel's own book-keeping and not by name. Linux only.

Ray's workers and HAProxy outlive their parents when those are killed. A process that has declared itself a subreaper becomes
their parent then (prctl(2)), so whatever was started below it stays below it and can be ended to the last one.
"""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""From <linux/prctl.h>."""


def adopt_orphans() -> None:
    """From now on, orphans below this process become its children."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def descendants(root: int) -> list[int]:
    """Process ids below `root`, parents before their children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # The command name may hold spaces and parentheses; the parent's id is the second field after it.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, next_ = [], [root]
    while next_:
        below = children.get(next_.pop(0), [])
        found += below
        next_ += below
    return found


def end_descendants(*, grace_s: float) -> None:
    """End everything below this process: asked first, killed after `grace_s`, and reaped."""
    me = os.getpid()
    deadline = time.monotonic() + grace_s
    sent = signal.SIGTERM
    while below := descendants(me):
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
        _reap()
        if time.monotonic() > deadline:
            sent = signal.SIGKILL
        time.sleep(0.05)
    _reap()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
