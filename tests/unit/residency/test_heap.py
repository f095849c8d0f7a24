"""Memory that a process returns to the system when it releases a model, in a process of its own: the setting cannot be undone."""

import subprocess
import sys

PROGRAM = """
import numpy as np, sys
from modelyard.residency.heap import fix_mmap_threshold
from modelyard.residency.measure import resident_bytes
if sys.argv[1] == "fixed":
    fix_mmap_threshold()
np.ones(4_000_000)  # a freed mapping of 32 MB: from here on, glibc places smaller blocks in the heap
before = resident_bytes()
blocks = [np.ones(500_000) for _ in range(10)]
last = np.ones(500_000)  # above the others in the heap
del blocks
print(resident_bytes() - before)
"""


def left_bytes(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_large_blocks_return_to_the_system_when_they_are_freed() -> None:
    assert left_bytes("fixed") < 8_000_000
    assert left_bytes("default") > 30_000_000
