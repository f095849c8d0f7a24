"""One real server for the session, with every example and a few models of the tests."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.serve.models import ECHO, MIRROR, SLOW
from tests.serve.project import REPOSITORY, Project, Server

CONFIG = Path(__file__).parents[2] / "serve_config"
EXAMPLES = sorted(path.stem for path in CONFIG.glob("models/*.yaml"))
"""Some with replicas of their own, the others in a pool."""


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Receives the traces of requests that are sampled by their clients."""
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Server]:
    """Shared: a test that changes it must undo the change."""
    tracing = f"tracing: {{endpoint: '{collector.url}', sample: 0}}\nrequest_log: {{requests: all}}\n"
    project = Project(tmp_path_factory.mktemp("yard"), f"ray: {{cpus: 8}}\ndefault_model: echo\n{tracing}")
    shutil.copytree(CONFIG / "pools", project.root / "serve_config" / "pools")
    for name in EXAMPLES:
        project.add_example(name)
        shutil.copy(CONFIG / "models" / f"{name}.yaml", project.models)
    project.add_python("echo", ECHO)
    project.configure("echo", "runtime: python:model:Model\ntrusted: true\n")
    project.add_python("mirror", MIRROR)
    project.configure("mirror", "runtime: python:model:Model\ntrusted: true\n")
    project.add_python("dozer", ECHO)
    project.configure("dozer", "runtime: python:model:Model\ntrusted: true\nreplicas: {min: 0, max: 1}\n")
    project.add_python("slow", SLOW)
    project.configure(
        "slow",
        """\
        runtime: python:model:Model
        trusted: true
        required: false
        replicas: {min: 1, max: 3, target_in_flight: 2}
        batching: {max_size: 1}
        limits: {queue: 8, timeout_s: 3}
        """,
    )
    running = Server(project)
    try:
        running.wait_up()
        yield running
    finally:
        running.stop()


@pytest.fixture
def fresh(server: Server) -> Iterator[Server]:
    """The shared server; models that the test adds are removed after it."""
    kept = {path.name: path.read_text() for path in server.project.models.iterdir()}
    yield server
    for path in server.project.models.iterdir():
        if path.name not in kept:
            path.unlink()
            shutil.rmtree(server.project.repository / path.stem, ignore_errors=True)
            server.wait_for(lambda name=path.stem: name not in server.models())
    for name, text in kept.items():
        if (server.project.models / name).read_text() != text:
            (server.project.models / name).write_text(text)
    server.wait_for(lambda: server.get("/ready").status_code == 200, what="the previous models to be READY again")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A separate server with one model, which is still starting: for tests that kill it."""
    project = Project(tmp_path)
    project.add_python("echo", ECHO)
    project.configure("echo", "runtime: python:model:Model\ntrusted: true\n")
    running = Server(project)
    try:
        yield running
    finally:
        running.stop()


def example_body(name: str) -> object:
    """The example request of an example model."""
    return json.loads((REPOSITORY / name / "1" / "example.json").read_text())
