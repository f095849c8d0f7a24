"""A server on an existing Ray cluster."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.cluster import Cluster
from tests.serve.models import ECHO, ECHO_TIMES_THREE
from tests.serve.project import Project, Server

TRUSTED = "runtime: python:model:Model\ntrusted: true\n"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Not in pytest's folder: HAProxy takes at most 97 bytes for a socket's path, of which Serve uses 68.
    with tempfile.TemporaryDirectory(prefix="yard-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        running = Cluster(Path(folder))
        try:
            running.wait_up()
            yield running
        finally:
            running.stop()


@pytest.mark.timeout(1800)  # Ray's processes start twice
def test_up_attaches_to_a_cluster_applies_changes_and_leaves_it_running(cluster: Cluster, tmp_path: Path) -> None:
    project = Project(tmp_path, f'ray: {{address: "{cluster.address}"}}\n')
    project.add_python("echo", ECHO)
    project.configure("echo", TRUSTED)
    first = Server(project, cluster.environment)
    try:
        first.wait_up()
        assert first.predict("echo", {"instances": [4]}).json()["predictions"] == [8.0]
        project.add_python("thrice", ECHO_TIMES_THREE)
        project.configure("thrice", TRUSTED)
        first.wait_for(lambda: first.responds("thrice", {"instances": [4]}), what="the added model")
    finally:
        first.stop()
    assert first.process.returncode == 0
    assert "leaving the cluster unchanged" in first.printed()
    assert first.responds("echo", {"instances": [4]})
    assert first.command("plan", "--exit-code").returncode == 0

    (project.models / "echo.yaml").unlink()
    assert "remove echo" in first.command("apply", "--wait").stdout
    assert list(first.status()) == ["thrice"]
