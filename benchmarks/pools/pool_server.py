"""A modelyard server whose models are in one pool, and what it reports of itself."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load_rounds import process_tree
from benchmarks.pools.answers import Answer, is_same, predicted
from benchmarks.processes import Process, pss_bytes
from benchmarks.startup import save
from benchmarks.subject_process import SubjectError, fetch, launch, stop, tail, wait_until
from benchmarks.subjects import BIN, ROOT, Subject, environment
from modelyard.cli.control_client import RunningServer
from modelyard.config.yaml_writer import to_yaml
from modelyard.control.ports import free_ports

POOL = "small"
REPLICA = f"ray::ServeReplica:_pool.{POOL}"
SERVER = "python -m modelyard.cli.server_process"
"""The title of the process that has the control loop."""
STATUS_EVERY_S = 0.3
CHANGE_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """What a server is started with."""

    repository: Path
    names: Sequence[str]
    """The models."""
    memory: str = "2GiB"
    load: str = "eager"
    pinned: Sequence[str] = ()
    """Those of the models that are never evicted."""


class PoolServer:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, repository: Path) -> None:
        self.process = process
        self.config = folder / "serve_config"
        self.repository = repository
        self._log = folder / "log"
        ports = json.loads((folder / "ports.json").read_text())
        self.port, self.grpc_port, self.metrics_port = ports["http"], ports["grpc"], ports["metrics"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.control = RunningServer(folder / "state", self.config)

    def wait(self, true: Callable[[], bool], every_s: float = STATUS_EVERY_S, timeout_s: float = 300.0) -> float:
        """Seconds until this is true. Raises SubjectError."""
        begun = time.monotonic()
        while not true():
            if self.process.poll() is not None:
                raise SubjectError(f"the server ended:\n{tail(self._log)}")
            if time.monotonic() - begun > timeout_s:
                raise SubjectError(f"waited {timeout_s:g} s:\n{tail(self._log)}")
            time.sleep(every_s)
        return time.monotonic() - begun

    # Requests

    def predict(self, answer: Answer) -> bool:
        """Whether a model answers. Raises SubjectError for a wrong answer."""
        status, body = fetch(self.url + answer.path, answer.body)
        if status != 200:
            return False
        if not is_same(found := predicted(body), answer.prediction):
            raise SubjectError(f"{answer.model} answered {found}, not {answer.prediction}")
        return True

    def check(self, answers: Iterable[Answer]) -> None:
        """Raises SubjectError if a model does not give its own answer."""
        for answer in answers:
            if not self.predict(answer):
                raise SubjectError(f"{answer.model} does not answer: {fetch(self.url + answer.path, answer.body)}")

    # State

    def pool(self) -> dict[str, Any]:
        """The pool in the status; {} before there is one."""
        try:
            pools = self.control.status()["pools"]
        except ConnectionError:
            return {}
        return pools[0] if pools else {}

    def models(self) -> dict[str, dict[str, Any]]:
        """The models in the status by name. Raises ConnectionError."""
        return {model["name"]: model for model in self.control.status()["models"]}

    def metric(self, name: str) -> float:
        """The sum of a metric's series. Raises SubjectError while there are no metrics."""
        status, body = fetch(f"http://127.0.0.1:{self.metrics_port}/metrics")
        if status != 200:
            raise SubjectError("there are no metrics")
        lines = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)", body.decode(), re.MULTILINE)
        return sum(map(float, lines))

    def processes(self) -> list[Process]:
        """All processes of the server."""
        return process_tree(self.process.pid)

    def replica(self) -> int:
        """The process of the pool's replica. Raises SubjectError if there is not one."""
        found = [each.pid for each in self.processes() if each.title.startswith(REPLICA)]
        if len(found) != 1:
            raise SubjectError(f"the pool has {len(found)} replicas")
        return found[0]

    def resident_bytes(self) -> int:
        """The resident size of the pool's replica."""
        status = Path(f"/proc/{self.replica()}/status").read_text()
        match = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        if match is None:
            raise SubjectError("the replica has ended")
        return int(match[1]) * 1024

    def pss_bytes(self) -> int:
        """The memory of all processes of the server."""
        return sum(pss_bytes(each.pid) or 0 for each in self.processes())

    # Changes and commands

    def configure(self, name: str, **settings: Any) -> None:
        """Write a model's file."""
        save(self.config / "models" / f"{name}.yaml", to_yaml({"name": name, **settings}))

    def command(self, *words: str) -> tuple[float, str]:
        """Run a command of modelyard. Returns its seconds and its output. Raises SubjectError if it fails."""
        begun = time.monotonic()
        done = subprocess.run(
            [str(BIN / "modelyard"), *words, "--config", str(self.config)],
            cwd=ROOT,
            env=environment(Subject(())),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SubjectError(f"modelyard {' '.join(words)}: {done.stdout}{done.stderr}")
        return time.monotonic() - begun, done.stdout


def write(folder: Path, config: PoolConfig) -> Subject:
    """Write the configuration of a server into an empty folder."""
    models = folder / "serve_config" / "models"
    models.mkdir(parents=True)
    (folder / "serve_config" / "pools").mkdir()
    names = ("http", "grpc", "metrics", "edge_port", "ray_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (folder / "ports.json").write_text(json.dumps(ports))
    server = {
        "http": {"port": ports["http"]},
        "grpc": {"port": ports["grpc"]},
        "metrics": {"port": ports["metrics"], "edge_port": ports["edge_port"], "ray_port": ports["ray_port"]},
        "repository": {"path": str(config.repository), "settle_s": 0.0},
        "state": str(folder / "state"),
        "defaults": {"pool": POOL},
    }
    (folder / "serve_config" / "server.yaml").write_text(to_yaml(server))
    pool = {"name": POOL, "memory": config.memory, "load": config.load}
    (folder / "serve_config" / "pools" / f"{POOL}.yaml").write_text(to_yaml(pool))
    for name in config.names:
        pinned = {"pinned": True} if name in config.pinned else {}
        (models / f"{name}.yaml").write_text(to_yaml({"name": name, **pinned}))
    return Subject((str(BIN / "modelyard"), "up", "--config", str(folder / "serve_config")))


@contextmanager
def running(folder: Path, config: PoolConfig) -> Iterator[tuple[PoolServer, float]]:
    """Start a server, and stop it after the block. Yields it, and the seconds until all models were READY."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    subject, log = write(folder, config), folder / "log"
    print(f"a server with {len(config.names)} models", file=sys.stderr, flush=True)
    process = launch(subject, log)
    try:
        server = PoolServer(process, folder, config.repository)
        begun = time.monotonic()
        wait_until(process, log, lambda: fetch(f"{server.url}/ready")[0] == 200)
        server.wait(lambda: server.pool().get("ready") == len(config.names))
        yield server, time.monotonic() - begun
    finally:
        stop(process)
