"""Ray's workers as forks of one process, with a real fork server."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.control.process_tree import descendants
from modelyard.control.worker_forks import RESTART_S, WorkerForks

SCRIPT = """
import json, os, signal, sys
import numpy
from ray import WorkerID
print(json.dumps({
    "argv": sys.argv,
    "name": __name__,
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "parent": os.getppid(),
    "group": os.getpgrp() == os.getpid(),
    "threads": len(os.listdir("/proc/self/task")),
    "files": len(os.listdir("/proc/self/fd")),
    "children": str(signal.getsignal(signal.SIGCHLD)),
    "oom_score": open("/proc/self/oom_score_adj").read().strip(),
    "numbers": [numpy.random.rand(), WorkerID.from_random().hex()],
    "modules": sorted(sys.modules),
}))
print("an error", file=sys.stderr)
sys.exit(3)
"""


SET_BY_IMPORTS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "RAY_CLIENT_MODE")
"""Environment variables that scikit-learn and Ray set when they are imported."""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerForks]:
    folder = tmp_path_factory.mktemp("forks")
    forks = WorkerForks(folder, folder / "log")
    forks.preload(["modelyard.runtimes.sklearn.model", "no_such_module"])
    yield forks
    forks.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "worker.py"
    path.write_text(SCRIPT)
    return path


def worker(forks: WorkerForks, script: Path, **options: Any) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """What the script prints when it is started as the raylet starts a worker. Returns when it has closed its output."""
    command = [sys.executable, *forks.worker_command(), str(script), "--worker-id=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    return json.loads(done.stdout), done


def server_of(forks: WorkerForks) -> int:
    return forks._process.pid


def test_a_worker_has_the_arguments_environment_folder_and_files_of_its_client(
    forks: WorkerForks, script: Path, tmp_path: Path
) -> None:
    environment = {"RAY_RAYLET_PID": str(os.getpid()), "RAY_JOB_ID": "ffffffff", "NAME": "\udcff"}
    seen, done = worker(forks, script, env=environment, cwd=tmp_path)
    assert seen["argv"] == [str(script), "--worker-id=1"]
    assert seen["name"] == "__main__"
    assert seen["environment"].items() >= environment.items()
    assert seen["environment"].keys() - environment.keys() <= {"LC_CTYPE", *SET_BY_IMPORTS}
    assert seen["folder"] == str(tmp_path)
    assert seen["parent"] == server_of(forks)
    assert done.stderr == "an error\n"
    assert done.returncode == 0, "the client ends at once"


def test_a_worker_has_the_out_of_memory_score_that_the_raylet_gives_its_client(
    forks: WorkerForks, script: Path
) -> None:
    def raise_score() -> None:
        Path("/proc/self/oom_score_adj").write_text("1000")

    assert worker(forks, script, preexec_fn=raise_score)[0]["oom_score"] == "1000"
    assert Path(f"/proc/{server_of(forks)}/oom_score_adj").read_text().strip() != "1000"


def test_a_worker_has_a_process_group_of_its_own_which_the_raylet_kills_when_it_has_died(
    forks: WorkerForks, script: Path
) -> None:
    assert worker(forks, script)[0]["group"]


def test_workers_draw_different_random_numbers_and_ids(forks: WorkerForks, script: Path) -> None:
    first, second = (worker(forks, script)[0]["numbers"] for _ in range(2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_a_worker_has_what_was_preloaded_and_nothing_else_of_its_client(forks: WorkerForks, script: Path) -> None:
    seen, _ = worker(forks, script)
    modules = {*seen["modules"]}
    assert modules >= {"ray.serve._private.replica", "modelyard.replica.deployment", "sklearn.base"}
    assert "onnxruntime" not in modules, "its import starts a thread"
    assert seen["children"] == str(signal.SIG_DFL)
    assert seen["files"] == 4, "standard input, output and error, and the folder that is listed"


def test_the_fork_server_runs_one_thread_of_python_and_the_workers_start_with_one(
    forks: WorkerForks, script: Path
) -> None:
    assert worker(forks, script)[0]["threads"] == 1


def test_a_worker_starts_by_itself_if_the_fork_server_has_ended(tmp_path: Path, script: Path) -> None:
    forks = WorkerForks(tmp_path, tmp_path / "log")
    os.kill(server_of(forks), signal.SIGKILL)
    forks._process.wait()
    try:
        seen, done = worker(forks, script)
        assert seen["parent"] == os.getpid()
        assert done.returncode == 3, "the client became the worker"
        assert "modelyard.replica.deployment" not in seen["modules"]
    finally:
        forks.close()


def test_a_fork_server_that_has_ended_is_started_again_with_its_modules(tmp_path: Path, script: Path) -> None:
    now = [0.0]
    forks = WorkerForks(tmp_path, tmp_path / "log", now=lambda: now[0])
    try:
        forks.preload(["colorsys"])
        first = server_of(forks)
        os.kill(first, signal.SIGKILL)
        forks._process.wait()
        forks.check()
        assert server_of(forks) == first, "it may have ended at once: it is not started in each cycle"
        now[0] = RESTART_S + 1
        forks.check()
        assert server_of(forks) != first
        seen, _ = worker(forks, script)
        assert seen["parent"] == server_of(forks)
        assert "colorsys" in seen["modules"]
        assert "pandas" not in seen["modules"], "Ray Serve imports it, and does not need it"
    finally:
        forks.close()


def test_the_fork_server_ends_with_its_parent(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from modelyard.control.worker_forks import WorkerForks
folder = Path({str(tmp_path)!r})
print(WorkerForks(folder, folder / "log")._process.pid)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    server = int(done.stdout)
    try:
        process = os.pidfd_open(server)
    except ProcessLookupError:
        return
    try:
        assert select.select([process], [], [], 60)[0]
    finally:
        os.close(process)
    assert server not in descendants(os.getpid())
