"""Many configuration changes under load: no client loses a request, and no process grows."""

import time
from collections.abc import Iterator

import pytest

from modelyard.cli.control_client import RunningServer
from modelyard.config.diagnostic import SpecError
from tests.faults.conftest import LONG
from tests.faults.load import Load, shown
from tests.faults.long_connections import calls, events, messages
from tests.faults.usage import grown, usages
from tests.serve.models import ECHO, TICKS
from tests.serve.project import Server

GOOD, BROKEN = (100, 50) if LONG else (20, 10)
WARM = GOOD // 2
MEGABYTES, OTHERS = 24, 12
"""Allowed growth of a process: allocators keep memory, and thread pools fill up."""
YAML = "runtime: python:model:Model\ntrusted: true\n"
BREAKS = ("nonsense: true\n", "replicas: many\n", "a: [\n", "limits: {timeout_s: -1}\n", "\x00\n")


@pytest.fixture(scope="module")
def changed(faulty: Server) -> Iterator[Server]:
    """The server with the models `ticks` and `edited`."""
    for name, code in (("ticks", TICKS), ("edited", ECHO)):
        faulty.project.add_python(name, code)
        faulty.project.configure(name, YAML)
    faulty.wait_for(
        lambda: all(faulty.status().get(name, {}).get("state") == "READY" for name in ("ticks", "edited")),
        what="the models",
    )
    yield faulty
    for name in ("ticks", "edited"):
        (faulty.project.models / f"{name}.yaml").unlink()


def test_reloads_lose_no_request_and_leak_nothing(changed: Server) -> None:
    project = changed.project
    asking = RunningServer(project.root / ".modelyard", project.root / "serve_config")

    def reload(number: int) -> None:
        project.configure("edited", f"{YAML}description: change {number}\n")
        asking.apply(allow_removals=False)

    def fail(number: int) -> None:
        project.configure("edited", BREAKS[number % len(BREAKS)])
        with pytest.raises(SpecError):
            asking.apply(allow_removals=False)

    with (
        Load(project.port, "pair") as load,
        calls(changed, "pair") as called,
        messages(changed, "pair") as sent,
        events(changed, "ticks") as parts,
    ):
        for number in range(WARM):
            reload(number)
        before = usages(changed, "pair", "edited")
        replicas = changed.replicas("edited")
        for number in range(GOOD):
            reload(number)
            if number % (GOOD // BROKEN) == 0:
                fail(number)
        reload(GOOD)
        changed.wait_for(lambda: changed.models()["edited"]["description"] == f"change {GOOD}", what="the last change")
        after = usages(changed, "pair", "edited")
        time.sleep(1)  # each client must see the end
    for seen in (load.kinds(), called, sent, parts):
        assert set(seen) == {"ok"}, (seen, shown(load.outcomes))
    assert changed.replicas("edited") == replicas
    assert grown(before, after, changes=GOOD + 1, megabytes=MEGABYTES, others=OTHERS) == []
