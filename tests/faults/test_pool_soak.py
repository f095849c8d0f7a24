"""A pool whose budget forces evictions, under traffic and edits: every answer is the model's own, none is lost, memory is flat."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import LONG

ROOT = Path(__file__).parents[2]
SHORT = ["--minutes", "2", "--count", "300", "--memory", "20MiB", "--rest", "20", "--grpc", "5"]


@pytest.mark.timeout(3600)
def test_every_answer_is_the_models_own_while_models_are_edited_and_evicted() -> None:
    """In a process of its own, because the soak ends all its children."""
    program = [sys.executable, "-m", "benchmarks.pools.soak", *([] if LONG else SHORT)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
