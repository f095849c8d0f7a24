"""A server for the faults: a model of two replicas, one of one replica, and requests that come all the while."""

import os
from collections.abc import Iterator

import pytest

from tests.serve.models import ECHO
from tests.serve.project import Project, Server

LONG = bool(os.environ.get("MODELYARD_LONG_FAULTS"))
"""Whether each fault is tried as often as its promise says, as by `make faults`."""
TIMEOUT_S = 5
"""The models' own limit for a request: longer than a busy machine ever keeps one waiting, and short enough to wait for."""


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each test leaves it with all replicas."""
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
