"""One load at a time changes what belongs to the whole process: `__main__`, the plain names of modules, the filters of warnings.

Models of a pool load at the same time, and two of them may have modules of the same name.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_WAIT_S = 10.0
"""For a load that runs. One that hangs must not stop those of other models, so a load goes on without the lock then."""
_LOCK = threading.RLock()


@contextmanager
def exclusive_load(max_wait_s: float = MAX_WAIT_S) -> Iterator[None]:
    """Wait until no other thread is in such a block, and keep others out of it. Blocks of one thread may be nested."""
    locked = _LOCK.acquire(timeout=max_wait_s)
    try:
        yield
    finally:
        if locked:
            _LOCK.release()
