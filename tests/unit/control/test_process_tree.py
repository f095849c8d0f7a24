"""Ending started processes: each test has its own, below its own supervisor."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from modelyard.control.process_tree import descendants


def supervise(program: str) -> list[str]:
    """Run a program that has adopted its orphans. Returns the lines that it printed."""
    head = """\
        import os, signal, subprocess, sys, time
        from pathlib import Path
        from modelyard.control.process_tree import adopt_orphans, descendants, end_descendants

        def alive(pid):
            try:
                return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except FileNotFoundError:
                return False

        def python(program, *args):
            return subprocess.Popen([sys.executable, "-c", program, *args], stdout=subprocess.PIPE, text=True)

        adopt_orphans()
        """
    whole = textwrap.dedent(head) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
LEAVES_AN_ORPHAN = (
    f'import subprocess, sys; print(subprocess.Popen([sys.executable, "-c", {SLEEPS!r}]).pid, flush=True)'
)


def test_an_orphan_becomes_a_child_and_is_ended():
    result = supervise(
        f"""
        middle = python({LEAVES_AN_ORPHAN!r})
        orphan = int(middle.stdout.readline())
        middle.stdout.readline()
        middle.wait()
        print(orphan in descendants(os.getpid()))
        end_descendants(grace_s=10)
        print(alive(orphan), descendants(os.getpid()))
        """
    )
    assert result == ["True", "False []"]


def test_a_process_in_a_session_of_its_own_is_ended_too():
    result = supervise(
        f"""
        child = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], stdout=subprocess.PIPE, start_new_session=True)
        child.stdout.readline()
        end_descendants(grace_s=10)
        print(alive(child.pid))
        """
    )
    assert result == ["False"]


def test_a_process_gets_one_signal_and_time_to_end():
    polite = """\
import signal, sys, time
def leave(*_):
    print("asked", flush=True)
    time.sleep(0.3)
    print("leaves", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
time.sleep(60)
"""
    result = supervise(
        f"""
        child = python({polite!r})
        child.stdout.readline()
        end_descendants(grace_s=30)
        print(child.stdout.read().split())
        """
    )
    assert result == ["['asked', 'leaves']"]


def test_a_process_that_will_not_go_is_killed_when_its_time_is_over():
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    result = supervise(
        f"""
        child = python({stubborn!r})
        child.stdout.readline()
        started = time.monotonic()
        end_descendants(grace_s=0.2)
        print(alive(child.pid), 0.2 <= time.monotonic() - started < 10)
        """
    )
    assert result == ["False True"]


def test_descendants_come_before_their_own_children_whatever_their_names(tmp_path: Path):
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to(sys.executable)
    program = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}], stdout=subprocess.PIPE)"
    )
    program += "; p.stdout.readline(); print(p.pid, flush=True); sys.stdin.read(); p.kill(); p.wait()"
    with subprocess.Popen([odd, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout
        grandchild = int(child.stdout.readline())
        found = descendants(os.getpid())
        child.stdin.close()
    assert found.index(child.pid) < found.index(grandchild)
    assert descendants(child.pid) == []
