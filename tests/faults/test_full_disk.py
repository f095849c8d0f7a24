"""A disk that is full or read-only: models serve, changes are made as far as they can be, and all is well when it is mended."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from modelyard.config.load import load
from modelyard.control.paths import paths_of
from tests.faults.conftest import LONG
from tests.faults.disk import Disk
from tests.faults.load import Load, shown
from tests.serve.models import ECHO, ECHO_TIMES_THREE
from tests.serve.project import Project, Server

YAML = "runtime: python:model:Model\ntrusted: true\n"
ASK = {"instances": [4]}


@dataclass(frozen=True, slots=True)
class Served:
    """A server with its state folder on one disk, and Ray's and HAProxy's files on another."""

    server: Server
    state: Disk
    run: Disk

    @property
    def notices(self) -> list[str]:
        told = json.loads(self.server.command("status", "-o", "json", check=False).stdout)
        return [notice["text"] for notice in told["server"]["notices"]]

    @property
    def failing(self) -> float:
        """The metric."""
        url = f"http://127.0.0.1:{self.server.project.metrics_port}/metrics"
        lines = requests.get(url, timeout=30).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("control_writes_failing "))

    def describe(self, name: str, description: str) -> None:
        """Change a model's description."""
        self.server.project.configure(name, f"{YAML}description: {description}\n")

    def is_described(self, name: str, description: str) -> bool:
        return bool(self.server.models()[name]["description"] == description)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = Project(tmp_path_factory.mktemp("disk"), "ray: {cpus: 8}\n")
    for name in ("echo", "near"):
        project.add_python(name, ECHO)
        project.configure(name, YAML)
    paths = paths_of(load(project.root / "serve_config", {}))
    state = Disk(paths.state, 8)
    run = Disk(paths.run, 96)
    server = Server(project)
    try:
        server.wait_up()
        yield Served(server, state, run)
    finally:
        server.stop()
        run.remove()
        state.remove()


@pytest.mark.parametrize("harm", ["full", "read_only"])
def test_changes_are_made_and_mistakes_told_while_the_state_folder_takes_nothing(served: Served, harm: str) -> None:
    server, last_good = served.server, served.server.project.root / ".modelyard" / "last-good.json"
    before, warning = server.processes(), f"cannot write {last_good}"
    told = server.printed().count(warning)
    with Load(server.project.port, "echo") as load, Load(server.project.port, "near", rate=20) as near:
        server.wait_for(lambda: min(load.kinds()["ok"], near.kinds()["ok"]) > 10, what="the load")
        with getattr(served.state, harm)():
            served.describe("echo", f"changed while {harm}")
            server.wait_for(lambda: served.is_described("echo", f"changed while {harm}"), what="the change")
            server.wait_for(lambda: any(warning in each for each in served.notices), what="the warning")
            server.wait_for(lambda: served.failing >= 1, what="the metric")
            ends = server.printed().count("no changes applied")
            server.project.configure("near", "nonsense: true\n")
            server.wait_for(lambda: server.printed().count("no changes applied") > ends, what="the mistake")
            server.project.configure("near", YAML)
            server.wait_for(lambda: not any("has errors" in each for each in served.notices), what="the mended file")
            assert {model["state"] for model in server.status().values()} == {"READY"}
        server.wait_for(lambda: served.notices == [], what="the end of the warning")
        server.wait_for(lambda: served.failing == 0, what="the end of the metric")
    assert f"changed while {harm}" in last_good.read_text()
    assert server.printed().count(warning) == told + 1
    assert [line for line in before.values() if "ServeReplica" in line] == [
        line for line in server.processes().values() if "ServeReplica" in line
    ]
    assert set(load.kinds()) == set(near.kinds()) == {"ok"}, shown(load.outcomes)


def test_a_new_model_and_a_new_version_serve_while_the_state_folder_is_full(served: Served) -> None:
    server = served.server
    with Load(server.project.port, "near") as load:
        with served.state.full():
            server.project.add_python("new", ECHO)
            server.project.configure("new", YAML)
            server.project.add_python("echo", ECHO_TIMES_THREE, version=2)
            server.wait_for(lambda: server.answers("new", ASK), what="the new model")
            server.wait_for(lambda: server.predict("echo", ASK).json()["predictions"] == [12.0], what="version 2")
            assert {server.predict("new", ASK).status_code for _ in range(50)} == {200}
        server.wait_for(lambda: served.notices == [], what="the end of the warnings")
    assert "died" not in server.printed()
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


def test_what_cannot_be_routed_for_want_of_room_waits_and_what_serves_is_ready(served: Served) -> None:
    server = served.server
    haproxy = server.pids("/haproxy -db")
    with Load(server.project.port, "near") as load:
        with served.run.full():
            server.project.add_python("later", ECHO)
            server.project.configure("later", YAML)
            server.wait_printed("nothing is changed until")
            server.wait_for(lambda: any("nothing is changed until" in each for each in served.notices), what="status")
            assert {model["state"] for model in server.status().values()} == {"READY"}
            assert set(haproxy) <= set(server.pids("/haproxy -db"))
        server.wait_for(lambda: server.answers("later", ASK), what="what waited")
        server.wait_for(lambda: served.notices == [], what="the end of the warnings")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


@pytest.mark.skipif(not LONG, reason="a start of Ray more; `make faults` runs it")
def test_a_server_whose_ray_dies_while_the_state_folder_is_full_starts_again(served: Served) -> None:
    server = served.server
    with served.state.full():
        os.kill(server.pids("raylet/raylet")[0], signal.SIGKILL)
        server.wait_printed("starting again")
        server.wait_for(lambda: server.answers("near", ASK), what="the models")
    server.wait_for(lambda: server.command("status", check=False).returncode == 0, what="all models")
