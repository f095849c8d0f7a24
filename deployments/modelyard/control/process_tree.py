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
KILL_S = 10.0
"""For the kernel to end what was killed; a process that hangs in a device outlives even that."""
POLL_S = 0.05


def adopt_orphans() -> None:
    """From now on, orphans below this process become its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


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


def command_of(pid: int) -> list[str]:
    """A process's program and arguments; [] where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def end_descendants(*, grace_s: float) -> None:
    """End everything below this process: each is asked once, killed after `grace_s`, and reaped."""
    killing_from = time.monotonic() + grace_s
    asked: set[int] = set()
    while below := descendants(os.getpid()):
        now = time.monotonic()
        if now > killing_from + KILL_S:
            return
        for pid in below:
            if now > killing_from:
                _send(pid, signal.SIGKILL)
            elif pid not in asked:
                _send(pid, signal.SIGTERM)
        asked.update(below)
        _reap()
        time.sleep(POLL_S)


def _send(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def _reap() -> None:
    """Take leave of the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
