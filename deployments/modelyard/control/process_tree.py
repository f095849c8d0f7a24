"""The processes below this one, from /proc and not by name. Linux only.

Ray's workers and HAProxy outlive their parents when those are killed. A process that is a subreaper becomes their parent then
(prctl(2)), so all processes that were started below it stay below it, and it can end every one of them.
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
"""For the kernel to end killed processes; one that hangs in a device driver takes longer."""
POLL_S = 0.05


def adopt_orphans() -> None:
    """Make this process a subreaper: orphans below it become its children. Raises OSError."""
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
    """A process's program and arguments; [] if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def end_descendants(*, grace_s: float) -> None:
    """End all processes below this one: SIGTERM once, SIGKILL after `grace_s`. Reaps them."""
    killing_from = time.monotonic() + grace_s
    terminated: set[int] = set()
    while below := descendants(os.getpid()):
        now = time.monotonic()
        if now > killing_from + KILL_S:
            return
        for pid in below:
            if now > killing_from:
                _send(pid, signal.SIGKILL)
            elif pid not in terminated:
                _send(pid, signal.SIGTERM)
        terminated.update(below)
        _reap()
        time.sleep(POLL_S)


def _send(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def _reap() -> None:
    """Reap the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
