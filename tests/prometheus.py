"""Prometheus' rules and the dashboards' queries, for the tests."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitoring.history.prometheus import program

MONITORING = Path(__file__).parents[1] / "monitoring"
FOLDER = MONITORING / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))


def promtool(*arguments: str) -> None:
    """Run promtool; on failure show its output."""
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    """Every recording rule and alert."""
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


@dataclass(frozen=True)
class Query:
    """A panel's query; its text is the test's name."""

    dashboard: str
    panel: str
    ref: str
    expr: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.ref}"

    def filled_in(self, model: str, window: str = "2m", cluster: str = "") -> str:
        """As Grafana sends it; series that were not scraped by `prometheus.yml` have no cluster."""
        return self.expr.replace("$__rate_interval", window).replace("$model", model).replace("$cluster", cluster)


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel except rows, with its dashboard's name."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            if panel["type"] != "row":
                yield path.stem, panel


def queries() -> list[Query]:
    """Every query of every panel."""
    return [
        Query(name, panel["title"], target["refId"], target["expr"])
        for name, panel in panels()
        for target in panel["targets"]
    ]
