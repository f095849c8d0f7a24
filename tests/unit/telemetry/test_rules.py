"""Prometheus' configuration and rules, checked with promtool, and links to the runbook."""

import re
from pathlib import Path

import pytest

from tests.prometheus import FOLDER, promtool, rules

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
RULE_TESTS = sorted((FOLDER / "tests").glob("*.yml"))
ALERTS = [rule for rule in rules() if "alert" in rule]


def sections() -> list[str]:
    return re.findall(r"^## (.+)$", RUNBOOK.read_text(), re.MULTILINE)


def test_promtool_accepts_the_configuration_and_the_rules():
    promtool("check", "config", "prometheus.yml")


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path):
    promtool("test", "rules", str(path))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_links_to_its_section_of_the_runbook(alert):
    name = alert["alert"]
    assert name in sections()
    assert alert["annotations"]["runbook_url"] == "{{ $externalLabels.docs }}/runbook.md#" + name.lower()
    assert alert["labels"]["severity"] in ("page", "ticket")


def test_the_runbook_has_no_section_without_an_alert():
    assert sections() == list(dict.fromkeys(alert["alert"] for alert in ALERTS))


def test_every_alert_has_a_test():
    tested = "".join(path.read_text() for path in RULE_TESTS)
    assert not [alert["alert"] for alert in ALERTS if alert["alert"] not in tested]
