"""A replica's own memory limit: a model that outgrows what its YAML says fails alone, and not by the machine's choice."""

import logging
import re
import resource
from pathlib import Path

logger = logging.getLogger(__name__)


def limit_memory(extra_bytes: int) -> None:
    """Let this process's data grow by `extra_bytes` from here. Past that, allocations fail with MemoryError.

    RLIMIT_DATA counts private writable memory (Linux 4.7 and later, getrlimit(2)): the stacks of threads too, 8 MiB each as
    reserved, but not Ray's shared object store. A limit that is set already and lower stays.
    """
    found = re.search(r"^VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        logger.warning("this kernel does not say how much memory a process has: its limit is not set")
        return
    limit = int(found[1]) * 1024 + extra_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
