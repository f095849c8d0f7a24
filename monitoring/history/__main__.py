"""`python -m monitoring.history FOLDER`: make Prometheus' database of the six hours."""

import sys
import tempfile
from pathlib import Path

from monitoring.history import prometheus
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


if __name__ == "__main__":
    build(Path(sys.argv[1]))
