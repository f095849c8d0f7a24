"""One load at a time changes what belongs to the whole process: `__main__`, the plain names of modules, the filters of warnings.

Models of a pool load at the same time, and two of them may have modules of the same name.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from modelyard.runtimes.base import LoadError

MAX_HOLD_S = 3.0
"""A load that takes longer may hang, and must not stop those of other models, whose requests wait: they go on beside it."""
MAX_WAIT_S = 60.0
"""For a load that takes longer and has modules of the same names. Beside it, a model could get the modules of the other one."""


CHECK_S = 0.1
"""Between two checks of these limits."""


@dataclass(eq=False, slots=True)
class _Load:
    """A load that runs."""

    names: frozenset[str]
    timeout_s: float
    thread: int = field(default_factory=threading.get_ident)
    since: float = field(default_factory=monotonic)


_running: list[_Load] = []
_changed = threading.Condition()
"""Of `_running`."""


@contextmanager
def exclusive_load(names: frozenset[str] = frozenset(), *, timeout_s: float = MAX_HOLD_S) -> Iterator[None]:
    """Wait until no other thread is in such a block, and keep others out of it. Blocks of one thread may be nested.

    `names` are those of modules that the load may import by their plain names. `timeout_s` is the model's `load_timeout_s`: nothing
    uses the result of a load that takes longer. Raises LoadError after MAX_WAIT_S.
    """
    load = _Load(names, timeout_s)
    with _changed:
        nested = any(each.thread == load.thread for each in _running)
        if not nested:
            _wait(names, load.since)
            load.since = monotonic()
            _running.append(load)
    try:
        yield
    finally:
        if not nested:
            with _changed:
                _running.remove(load)
                _changed.notify_all()


def _wait(names: frozenset[str], since: float) -> None:
    while True:
        now = monotonic()
        same = [each.names & names for each in _running if now - each.since < max(MAX_HOLD_S, each.timeout_s)]
        if not any(same) and (now - since >= MAX_HOLD_S or all(now - each.since >= MAX_HOLD_S for each in _running)):
            return
        if now - since >= MAX_WAIT_S:
            found = ", ".join(sorted(frozenset().union(*same)))
            raise LoadError(f"another model that has been loading for long has modules of the same name: {found}")
        _changed.wait(CHECK_S)
