"""`python -m monitoring.history FOLDER [COMMAND...]`: write the simulated data as Prometheus blocks, and run a command on it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from monitoring.history import prometheus, scenario
from monitoring.history.replay import replay
from monitoring.history.simulate import Simulation

CONFIG = Path(__file__).with_name("prometheus.yml")


def build(folder: Path) -> None:
    """Write the exporters' samples, then the results of the rules, as blocks into the folder. Takes about 15 s."""
    with tempfile.TemporaryDirectory() as scratch:
        samples, recorded = Path(scratch) / "samples", Path(scratch) / "recorded"
        with samples.open("w") as file:
            file.writelines(Simulation().run().text())
        prometheus.load(samples, folder)
        with prometheus.Prometheus(folder, CONFIG) as server, recorded.open("w") as file:
            file.writelines(replay(server))
        prometheus.load(recorded, folder)


def serve_to(command: Sequence[str], folder: Path) -> int:
    """Run a command with $PROMETHEUS_URL and $HISTORY_START (Unix seconds) set, and return its exit code."""
    with prometheus.Prometheus(folder, CONFIG) as server:
        variables = {"PROMETHEUS_URL": server.url, "HISTORY_START": str(scenario.START)}
        return subprocess.run(command, env=os.environ | variables, check=False).returncode


if __name__ == "__main__":
    blocks, *rest = sys.argv[1:]
    build(Path(blocks))
    sys.exit(serve_to(rest, Path(blocks)) if rest else 0)
