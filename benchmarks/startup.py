"""Measures one server with the examples: seconds until all are READY, what it costs while idle, and seconds to add a model."""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.load_rounds import process_tree
from benchmarks.processes import pss_bytes
from benchmarks.subject_process import fetch, free_port, launch, stop, wait_until
from benchmarks.subjects import ROOT, modelyard
from examples.train import example_names, publish, train

ADDED_MODEL = "added-model"
"""A copy of the example in ONNX form, with a replica of its own."""
ONNX_REPLICA = f"ray::ServeReplica:{ADDED_MODEL}:model"
SETTLE_S = 15.0
"""After the start: Serve's and Ray's own processes finish theirs, and idle workers end."""
IDLE_S = 20.0


@dataclass(frozen=True, slots=True)
class StartUp:
    """One start of modelyard with all examples."""

    models: int
    ready_s: float
    """From the command to the moment when all models are READY."""
    new_model_s: float
    """From the YAML of one more model to its first response. Its artefact was in the repository before."""
    idle: Mapping[str, float]
    """CPU seconds per second of the processes, by title, without requests."""
    memory: Mapping[str, list[int]]
    """PSS in bytes of each process, by title."""
    onnx_replica_bytes: int
    """PSS of the replica that serves an ONNX model, after its first response."""

    @property
    def idle_cores(self) -> float:
        """CPU seconds per second of all processes."""
        return sum(self.idle.values())

    @property
    def memory_bytes(self) -> int:
        """PSS of all processes."""
        return sum(map(sum, self.memory.values()))


def measure(folder: Path, rounds: int) -> list[StartUp]:
    """Start the server, let it idle, add a model and stop the server, this many times."""
    repository = folder / "models"
    for name in example_names():
        publish(repository / name, train(name))
    shutil.copytree(repository / "digits", repository / ADDED_MODEL)
    return [_measure(folder / str(number), repository) for number in range(rounds)]


def _measure(served: Path, repository: Path) -> StartUp:
    served.mkdir()
    port = free_port()
    files = {path.name: path.read_text() for path in (ROOT / "serve_config" / "models").glob("*.yaml")}
    subject = modelyard(served, port, repository, files)
    shutil.copytree(ROOT / "serve_config" / "pools", served / "serve_config" / "pools")
    url, log = f"http://127.0.0.1:{port}", served / "log"

    print(f"start-up with {len(files)} models", file=sys.stderr, flush=True)
    process = launch(subject, log)
    try:
        ready_s = wait_until(process, log, lambda: fetch(f"{url}/ready")[0] == 200)
        time.sleep(SETTLE_S)
        idle, memory = idle_cpu(process), memory_of(process.pid)
        save(served / "serve_config" / "models" / f"{ADDED_MODEL}.yaml", f"name: {ADDED_MODEL}\n")
        request = (repository / ADDED_MODEL / "1" / "example.json").read_bytes()
        new_model_s = wait_until(process, log, lambda: fetch(f"{url}/models/{ADDED_MODEL}/predict", request)[0] == 200)
        time.sleep(SETTLE_S)
        (onnx_replica_bytes,) = memory_of(process.pid)[ONNX_REPLICA]
    finally:
        stop(process)
    start_up = StartUp(len(files), ready_s, new_model_s, idle, memory, onnx_replica_bytes)
    print(
        f"  READY after {ready_s:.1f} s, idle at {start_up.idle_cores:.1%} of a core with"
        f" {start_up.memory_bytes / 1e6:,.0f} MB, a new model after {new_model_s:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    return start_up


def save(path: Path, text: str) -> None:
    """Write a file as editors do: a partial file that is then renamed."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.rename(path)


def idle_cpu(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """CPU seconds per second of the processes below this one, by title, over IDLE_S."""
    before = {each.pid: each.cpu_us for each in process_tree(process.pid)}
    time.sleep(IDLE_S)
    spent: dict[str, float] = {}
    for each in process_tree(process.pid):
        if each.pid in before:
            spent[each.title] = spent.get(each.title, 0.0) + (each.cpu_us - before[each.pid]) / 1e6 / IDLE_S
    return spent


def memory_of(root: int) -> dict[str, list[int]]:
    """PSS of each process of the tree, by title."""
    memory: dict[str, list[int]] = {}
    for process in process_tree(root):
        if pss := pss_bytes(process.pid):
            memory.setdefault(process.title, []).append(pss)
    return memory


def typical(runs: Sequence[StartUp]) -> StartUp:
    """The run with the median idle CPU, with the median times. The memory differs by less than 1 % between runs."""
    middle = sorted(runs, key=lambda run: run.idle_cores)[len(runs) // 2]
    return StartUp(
        middle.models,
        median(run.ready_s for run in runs),
        median(run.new_model_s for run in runs),
        middle.idle,
        middle.memory,
        middle.onnx_replica_bytes,
    )
