"""The simulated data in a real Prometheus: the right alerts fire, and every query of a panel or rule has a result."""

import math

import pytest

from modelyard.telemetry.metrics.declarations import METRICS
from monitoring.history import scenario
from monitoring.history.prometheus import Prometheus
from monitoring.history.replay import rules
from monitoring.history.simulate import STEP_S
from tests.prometheus import queries

LOOKBACK = 5
"""Minutes for which Prometheus shows the last value of a series; blocks have no staleness markers."""


def firing(history: Prometheus, alert: str, model: str = "") -> list[float]:
    """The minutes at which the alert fired."""
    matchers = f'alertstate="firing",alertname="{alert}",model="{model}"'
    found = history.over(f"ALERTS{{{matchers}}}", scenario.START, scenario.END, STEP_S)
    return sorted({(float(at) - scenario.START) / 60 for series in found for at, _ in series["values"]})


def test_the_incidents_and_nothing_else_trigger_alerts(history):
    expected = {(alert, incident.model) for incident in scenario.INCIDENTS for alert in incident.alerts}
    found = history.over('ALERTS{alertstate="firing"}', scenario.START, scenario.END, STEP_S)
    assert {(series["metric"]["alertname"], series["metric"].get("model", "")) for series in found} == expected


PAGES = [
    (scenario.BAD_VERSION, "ModelFailing", 7),
    (scenario.SURGE, "ModelFailing", 10),
    (scenario.DEATH, "ModelNotReady", 3),
    (scenario.HUB_DOWN, "HubDown", 2),
]


@pytest.mark.parametrize(("incident", "alert", "within"), PAGES, ids=[incident.story for incident, *_ in PAGES])
def test_a_page_fires_within_minutes(history, incident, alert, within):
    minutes = firing(history, alert, incident.model)
    assert incident.begin < minutes[0] <= incident.begin + within


def test_the_hour_window_is_quiet_soon_after_the_end(history):
    matchers = 'alertname="ModelFailing",alertstate="firing",window="1h",model="digits"'
    (series,) = history.over(f"ALERTS{{{matchers}}}", scenario.START, scenario.END, STEP_S)
    last = (float(series["values"][-1][0]) - scenario.START) / 60
    assert scenario.BAD_VERSION.end < last <= scenario.BAD_VERSION.end + 6 + LOOKBACK


def test_every_metric_has_a_history(history):
    known = {
        series["metric"]["__name__"] for series in history.at('count by (__name__) ({__name__!=""})', scenario.END)
    }
    missing = [m.name for m in METRICS if not {m.name, f"{m.name}_bucket"} & known]
    assert not missing


def values_of(history: Prometheus, expr: str) -> list[float]:
    """All values in the history."""
    found = history.over(expr, scenario.START, scenario.END, 5 * STEP_S)
    return [float(value) for series in found for _, value in series["values"]]


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_panel_shows_something_and_never_nan(history, query):
    values = values_of(history, query.filled_in("digits"))
    assert values
    assert not any(map(math.isnan, values))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_a_rule_yields_something_and_never_nan(history, rule):
    values = values_of(history, rule.expr)
    # Not in the scenario; promtool's tests cover them.
    quiet = {"EdgeDown", "ModelNeverReady", "ModelVanished", "RemovalsWithheld", "ReplicasDying", "WritesFailing"}
    quiet |= {"PoolModelsFailed", "PoolThrashing"}
    assert bool(values) == (rule.name not in quiet)
    assert not any(map(math.isnan, values))


@pytest.mark.parametrize("query", [query for query in queries() if "$model" in query.expr], ids=str)
def test_a_model_without_traffic_shows_no_nan(history, query):
    """It is scaled to zero for the first hours."""
    found = history.over(query.filled_in("wine-alcohol"), scenario.START, scenario.START + 60 * 60, 5 * STEP_S)
    assert not any(math.isnan(float(value)) for series in found for _, value in series["values"])
