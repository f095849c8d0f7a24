"""Measures waiting times: from `modelyard up` to all examples READY, and from a model's YAML to its first response."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load_rounds import process_tree
from benchmarks.processes import pss_bytes
from benchmarks.subject_process import fetch, free_port, launch, stop, wait_until
from benchmarks.subjects import ROOT, modelyard
from examples.train import example_names, publish, train

ADDED_MODEL = "added-model"


@dataclass(frozen=True, slots=True)
class StartUp:
    """One start of modelyard with all examples."""

    models: int
    ready_s: float
    new_model_s: float
    """From its YAML to its first response. Its artefact was in the repository before."""
    memory: Mapping[str, list[int]]
    """PSS in bytes of each process, by process title, including the added model."""


def measure(folder: Path) -> StartUp:
    """Start the server, add a model, measure the memory, stop the server."""
    repository, served = folder / "models", folder / "served"
    for name in example_names():
        publish(repository / name, train(name))
    shutil.copytree(repository / "iris", repository / ADDED_MODEL)

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
        save(served / "serve_config" / "models" / f"{ADDED_MODEL}.yaml", f"name: {ADDED_MODEL}\n")
        request = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'
        new_model_s = wait_until(process, log, lambda: fetch(f"{url}/models/{ADDED_MODEL}/predict", request)[0] == 200)
        return StartUp(len(files), ready_s, new_model_s, memory_of(process.pid))
    finally:
        stop(process)


def save(path: Path, text: str) -> None:
    """Write a file as editors do: a partial file that is then renamed."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.rename(path)


def memory_of(root: int) -> dict[str, list[int]]:
    """PSS of each process of the tree, by title."""
    memory: dict[str, list[int]] = {}
    for process in process_tree(root):
        if pss := pss_bytes(process.pid):
            memory.setdefault(process.title, []).append(pss)
    return memory
