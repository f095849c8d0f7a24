"""New versions of a model under load: no client loses a request on an open connection."""

import time

from tests.faults.conftest import LONG
from tests.faults.load import Load, shown
from tests.faults.long_connections import calls
from tests.serve.models import ECHO
from tests.serve.project import Server

ROLLOUTS = 12 if LONG else 2


def test_a_new_version_affects_no_request_and_no_call_on_a_long_connection(faulty: Server) -> None:
    name = "rolling"
    faulty.project.add_python(name, ECHO)
    faulty.project.configure(name, "runtime: python:model:Model\ntrusted: true\n")
    faulty.wait_for(lambda: faulty.status().get(name, {}).get("state") == "READY", what="version 1")
    with Load(faulty.project.port, name, rate=60, clients=8) as load, calls(faulty, name) as ends:
        for version in range(2, 2 + ROLLOUTS):
            old = faulty.replicas(name)
            faulty.project.add_python(name, ECHO, version=version)
            faulty.wait_for(lambda old=old: set(old).isdisjoint(faulty.replicas(name)), what=f"version {version} alone")
        time.sleep(1)
    (faulty.project.models / f"{name}.yaml").unlink()
    assert set(ends) == {"ok"}, ends
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
