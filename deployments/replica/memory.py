"""A replica's own memory limit: a model that outgrows what its YAML says fails alone, and not by the machine's choice."""

import re
import resource
from pathlib import Path


def limit_memory(extra_bytes: int) -> None:
    """Let this process's data grow by `extra_bytes` from here. Past that, allocations fail with MemoryError.

    RLIMIT_DATA counts private writable memory (Linux 4.7 and later, getrlimit(2)), so Ray's shared object store does not.
    """
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmData:\s+(\d+) kB", status, re.MULTILINE)
    if found:
        limit = int(found[1]) * 1024 + extra_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
