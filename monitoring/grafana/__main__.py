"""`python -m monitoring.grafana`: write the dashboards as the JSON that Grafana provisions."""

import json
from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.grafana.capacity import capacity
from monitoring.grafana.fleet import fleet
from monitoring.grafana.model import model
from monitoring.grafana.server import server

FOLDER = Path(__file__).parent / "dashboards"


def documents() -> Mapping[str, str]:
    """Each dashboard's file, by its name without the suffix."""
    boards = {"fleet": fleet(), "model": model(), "capacity": capacity(), "server": server()}
    return {
        name: json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, board in boards.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / f"{name}.json").write_text(text)
