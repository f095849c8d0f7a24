"""`python -m monitoring.history FOLDER [COMMAND...]`: make Prometheus' database of the six hours, and serve it to a command."""

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
    """What every exporter showed, and then what the rules make of it. Takes about 15 s."""
    with tempfile.TemporaryDirectory() as scratch:
        samples, recorded = Path(scratch) / "samples", Path(scratch) / "recorded"
        with samples.open("w") as file:
            file.writelines(Simulation().run().text())
        prometheus.load(samples, folder)
        with prometheus.Prometheus(folder, CONFIG) as server, recorded.open("w") as file:
            file.writelines(replay(server))
        prometheus.load(recorded, folder)


def serve_to(command: Sequence[str], folder: Path) -> int:
    """Run a command that finds Prometheus at $PROMETHEUS_URL, and when the history begins in $HISTORY_START; its exit code."""
    with prometheus.Prometheus(folder, CONFIG) as server:
        told = {"PROMETHEUS_URL": server.url, "HISTORY_START": str(scenario.START)}
        return subprocess.run(command, env=os.environ | told, check=False).returncode


if __name__ == "__main__":
    blocks, *rest = sys.argv[1:]
    build(Path(blocks))
    sys.exit(serve_to(rest, Path(blocks)) if rest else 0)
