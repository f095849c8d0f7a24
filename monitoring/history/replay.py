"""Evaluates recording rules and alerts over past samples.

Prometheus evaluates rules at the current time only, and promtool's backfill skips alerts and rules that depend on other rules.
So each rule is run as a range query here, with the rules that it uses substituted by their expressions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitoring.history import scenario
from monitoring.history.prometheus import Prometheus
from monitoring.history.simulate import STEP_S

RULES = Path(__file__).parents[1] / "prometheus" / "rules"
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording rule or an alert."""

    name: str
    expr: str
    alert: bool
    labels: Mapping[str, str]
    for_s: int = 0


def rules() -> Sequence[Rule]:
    """All rules, recording rules first, in the order of their files, with the rules that they use substituted."""
    recording, alerts = (_read(RULES / name) for name in ("recording.yml", "alerts.yml"))
    substituted: dict[str, str] = {}
    done = []
    for rule in (*recording, *alerts):
        expr = rule["expr"].strip()
        for name, inner in substituted.items():
            expr = f"({inner})".join(re.split(rf"(?<![\w:]){re.escape(name)}(?![\w:])", expr))
        if "record" in rule:
            substituted[rule["record"]] = expr
        name = rule.get("record") or rule["alert"]
        done.append(Rule(name, expr, "alert" in rule, rule.get("labels", {}), _seconds(rule.get("for", "0s"))))
    return done


def replay(prometheus: Prometheus) -> Iterator[str]:
    """OpenMetrics lines of every recorded series and of ALERTS, over the whole history."""
    for rule in rules():
        for series in prometheus.over(rule.expr, scenario.START, scenario.END, STEP_S):
            labels = {name: value for name, value in series["metric"].items() if name != "__name__"} | dict(rule.labels)
            samples = [(int(at), value) for at, value in series["values"]]
            if rule.alert:
                yield from _alert_lines(rule, labels, [at for at, _ in samples])
            else:
                yield from (f"{rule.name}{_text(labels)} {value} {at}\n" for at, value in samples)
    yield "# EOF\n"


def _alert_lines(rule: Rule, labels: Mapping[str, str], times: Sequence[int]) -> Iterator[str]:
    """Pending until the condition has been true for `for_s`, then firing; pending lines come before firing lines."""
    states: dict[str, list[int]] = {"pending": [], "firing": []}
    begun: list[tuple[int, int]] = []
    """Each time, and since when the condition has been true."""
    since = last = 0
    for at in times:
        if at - last > STEP_S:
            since = at
        last = at
        begun.append((at, since))
        states["firing" if at - since >= rule.for_s else "pending"].append(at)
    for state, at_times in states.items():
        text = _text({"alertname": rule.name, "alertstate": state, **labels})
        yield from (f"ALERTS{text} 1 {at}\n" for at in at_times)
    text = _text({"alertname": rule.name, **labels})
    yield from (f"ALERTS_FOR_STATE{text} {since} {at}\n" for at, since in begun)


def _read(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * UNITS_S[duration[-1]]


def _text(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
