"""Half an hour at half load with a change a minute: nothing that the server has grows without end."""

import time

import pytest
import requests

from modelyard.cli.control_client import RunningServer
from tests.faults.conftest import LONG
from tests.faults.load import Load, shown
from tests.faults.usage import Usage, grown, lowest, usages
from tests.serve.models import ECHO
from tests.serve.project import Server

MINUTES, WARM, LAST = 30, 5, 3
"""How long it takes, how much of that is the warm-up, and how many minutes at the end of each are compared."""
RATE = 200.0
"""Requests a second of two models together: about half of what two cores answer beside such a client."""
MEGABYTES, OTHERS = 32, 12
Usages = dict[str, Usage]
LOG_BYTES = 2**20
"""What the state folder may grow by in the minutes after the warm-up."""
YAML = "runtime: python:model:Model\ntrusted: true\n"


def series(server: Server) -> set[str]:
    """Names and labels of the metrics."""
    lines = requests.get(f"http://127.0.0.1:{server.project.metrics_port}/metrics", timeout=30).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def log_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in (server.project.root / ".modelyard").rglob("*") if path.is_file())


@pytest.mark.skipif(not LONG, reason="takes half an hour; `make faults` runs it")
@pytest.mark.timeout(7200)
def test_nothing_grows_in_half_an_hour_of_load_and_changes(faulty: Server) -> None:
    project = faulty.project
    asking = RunningServer(project.root / ".modelyard", project.root / "serve_config")
    project.add_python("soaked", ECHO)
    project.configure("soaked", YAML)
    faulty.wait_for(lambda: faulty.answers("soaked", {"instances": [4]}), what="the model")

    def minutes(count: int) -> Usages:
        seen = []
        for _ in range(count):
            until = time.monotonic() + 60
            project.configure("soaked", f"{YAML}description: up to {until:.0f} s\n")
            asking.apply(allow_removals=False)
            faulty.wait_for(lambda until=until: time.monotonic() > until)
            seen.append(usages(faulty, "pair", "soaked"))
        return lowest(seen[-LAST:])

    with Load(project.port, "pair", rate=RATE / 2) as load, Load(project.port, "soaked", rate=RATE / 2) as near:
        before, shown_before, bytes_before = minutes(WARM), series(faulty), log_bytes(faulty)
        after, shown_after, bytes_after = minutes(MINUTES - WARM), series(faulty), log_bytes(faulty)
    (project.models / "soaked.yaml").unlink()
    assert set(load.kinds()) == set(near.kinds()) == {"ok"}, shown(load.outcomes)
    assert grown(before, after, changes=MINUTES, megabytes=MEGABYTES, others=OTHERS) == []
    assert shown_after == shown_before
    assert bytes_after - bytes_before < LOG_BYTES
