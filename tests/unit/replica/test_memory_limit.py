"""The memory limit, in processes of its own, as it cannot be removed."""

import subprocess
import sys
import textwrap

import pytest


def run(code: str) -> str:
    """The output of the code, with a limit of 64 MiB."""
    start = "from modelyard.replica.process_memory import limit_memory\nlimit_memory(64 * 2**20)\n"
    done = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_allocation_within_the_limit_succeeds() -> None:
    assert run("print(len(bytearray(48 * 2**20)))") == str(48 * 2**20)


def test_an_allocation_beyond_the_limit_fails_and_the_process_continues() -> None:
    code = """
    try:
        bytearray(128 * 2**20)
    except MemoryError:
        print("refused", len(bytearray(16 * 2**20)))
    """
    assert run(code) == f"refused {16 * 2**20}"


def test_many_small_allocations_are_counted() -> None:
    code = """
    kept = []
    try:
        while len(kept) < 256:
            kept.append(bytearray(2**20))
    except MemoryError:
        pass
    print(len(kept))
    """
    assert 32 <= int(run(code)) <= 64


def test_shared_memory_is_not_counted() -> None:
    assert run("import mmap; print(len(mmap.mmap(-1, 128 * 2**20)))") == str(128 * 2**20)


@pytest.mark.parametrize(("second_mib", "refused_mib"), [(8, 32), (1024, 128)])
def test_a_limit_is_only_ever_lowered(second_mib: int, refused_mib: int) -> None:
    code = f"""
    limit_memory({second_mib} * 2**20)
    try:
        bytearray({refused_mib} * 2**20)
    except MemoryError:
        print("refused")
    """
    assert run(code) == "refused"
