"""A server for the fault tests: a model with two replicas, one with one replica, and constant requests."""

import os
from collections.abc import Iterator

import pytest

from tests.serve.models import ECHO
from tests.serve.project import Project, Server

LONG = bool(os.environ.get("MODELYARD_LONG_FAULTS"))
"""Whether each fault is repeated as often as `make faults` repeats it."""
TIMEOUT_S = 5
"""The models' timeout: longer than a request waits on a busy machine, and short enough for a test."""


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each test must leave it with all replicas."""
    project = Project(tmp_path_factory.mktemp("faults"), "ray: {cpus: 8}\n")
    for name, replicas in (("pair", 2), ("single", 1)):
        project.add_python(name, ECHO)
        project.configure(
            name,
            f"runtime: python:model:Model\ntrusted: true\nreplicas: {replicas}\nlimits: {{timeout_s: {TIMEOUT_S}}}\n",
        )
    server = Server(project)
    try:
        server.wait_up()
        yield server
    finally:
        server.stop()
