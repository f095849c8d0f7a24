"""The dashboards: the committed JSON is what the code generates, and each panel has a description."""

import json
import re

import pytest

from modelyard.telemetry.metrics.declarations import METRICS
from monitoring.grafana.__main__ import FOLDER, documents
from monitoring.grafana.queries import scoped
from tests.prometheus import DASHBOARDS, panels, queries, rules

SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
OURS = {metric.name + suffix for metric in METRICS for suffix in SUFFIXES[metric.kind]}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds"}
HAPROXY = {
    *(f"haproxy_frontend_{name}_total" for name in ("bytes_in", "bytes_out", "connections", "denied_connections")),
    *(f"haproxy_frontend_{name}_total" for name in ("http_responses", "intercepted_requests", "request_errors")),
    "haproxy_frontend_requests_denied_total",
    "haproxy_frontend_current_sessions",
    "haproxy_backend_http_responses_total",
    "haproxy_process_current_ssl_connections",
    "haproxy_process_max_connections",
    "haproxy_process_ssl_connections_total",
}
RAY = {"ray_node_cpu_utilization", "ray_node_mem_used", "ray_node_mem_total", "ray_node_disk_utilization_percentage"}
"""Names of Ray 2.60."""
KNOWN = OURS | RECORDED | PROMETHEUS | HAPROXY | RAY
PREFIXED = r"(?:model|modelyard|pool|inference|haproxy|ray|config|metrics)[_:][\w:]+|up"
NAME = re.compile(rf"(?<![\w:$])([a-zA-Z_][\w:]*)(?=[{{\[])|(?<![\w:$.\"])({PREFIXED})\b")
DIVISION = re.compile(r" / (?:on \([^)]*\) group_left \(\) )?\(")
PANELS = list(panels())
PANEL_IDS = [f"{name}: {panel['title']}" for name, panel in PANELS]


def names(expr: str) -> set[str]:
    """Metrics in a query: names with a selector, and names that begin as metrics do."""
    without_strings = re.sub(r'"[^"]*"', '""', expr)
    return {first or second for first, second in NAME.findall(without_strings)}


def test_metrics_of_a_query_are_found():
    assert names('sum by (model) (rate(up[5m])) / on (model) group_left () (a:b > 0) + model:x{y="ray_z"}') == {
        "up",
        "model:x",
    }


def test_regenerating_the_dashboards_changes_nothing():
    assert {path.stem: path.read_text() for path in DASHBOARDS} == documents(), "run `make dashboards`"
    assert {path.parent for path in DASHBOARDS} == {FOLDER}


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_query_uses_declared_metrics(query):
    assert names(query.expr)
    assert names(query.expr) <= KNOWN


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("record", rule.get("alert"))))
def test_a_rule_uses_declared_metrics(rule):
    assert names(rule["expr"]) <= KNOWN


def test_every_listed_metric_of_others_is_used():
    sent = set().union(*(names(query.expr) for query in queries()), *(names(rule["expr"]) for rule in rules()))
    assert sent >= HAPROXY | RAY


@pytest.mark.parametrize("panel", [panel for _, panel in PANELS], ids=PANEL_IDS)
def test_a_panel_has_a_description_and_a_unit(panel):
    description = panel["description"]
    sent = set().union(*(names(target["expr"]) for target in panel["targets"]))
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in sent}
    assert any(name in description for name in families), "name the metric"
    assert len(description) > 60, "say what to do"
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["noValue"]


@pytest.mark.parametrize("panel", [panel for _, panel in PANELS if panel["type"] == "table"], ids=lambda p: p["title"])
def test_a_column_has_its_unit(panel):
    units = {o["matcher"]["options"]: {p["id"] for p in o["properties"]} for o in panel["fieldConfig"]["overrides"]}
    renamed = panel["transformations"][1]["options"]["renameByName"]
    assert {renamed[f"Value #{target['refId']}"] for target in panel["targets"]} <= {
        name for name, properties in units.items() if "unit" in properties
    }


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_fill_the_grid_without_overlap(path):
    taken: dict[tuple[int, int], str] = {}
    board = json.loads(path.read_text())
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    last = max(y for _, y in taken)
    assert {(x, y) for x in range(24) for y in range(last + 1)} == set(taken), "a hole in the grid"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_divisor_is_never_zero(query):
    """0 / 0 is NaN: without traffic there must be no value."""
    divisions = len(DIVISION.findall(query.expr))
    assert divisions == query.expr.count(" / ")
    assert divisions <= query.expr.count(" > 0)")


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_query_selects_one_server(query):
    """A Prometheus may scrape several, whose models have the same names."""
    selectors = re.findall(r"\{[^}]*\}", query.expr)
    assert selectors
    assert all('cluster="$cluster"' in selector for selector in selectors)
    assert len(selectors) >= len(names(query.expr))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_a_selector_for_the_server(path):
    board = json.loads(path.read_text())
    variables = {each["name"]: each["query"] for each in board["templating"]["list"]}
    assert variables["cluster"] == 'label_values(up{job="modelyard"}, cluster)'


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("max(up)", 'max(up{cluster="$cluster"})'),
        ('sum by (model) (rate(a:b{code="ok"}[5m]))', 'sum by (model) (rate(a:b{code="ok"}[5m]))'),
        ('model_ready{model="x"} > 0', 'model_ready{cluster="$cluster",model="x"} > 0'),
        ('ALERTS{alertname="model_ready"}', 'ALERTS{cluster="$cluster",alertname="model_ready"}'),
        ("model_info{}", 'model_info{cluster="$cluster"}'),
    ],
)
def test_each_metric_of_a_query_gets_the_cluster_matcher(expr, wanted):
    assert scoped(expr) == wanted


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("record", rule.get("alert"))))
def test_a_rule_does_not_mix_servers(rule):
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"]):
        assert "cluster" in labels.replace(" ", "").split(",")
    assert not re.search(r"\b(?:sum|max|min|avg|count|group)\s*\(", rule["expr"]), "by which labels?"


@pytest.mark.parametrize("panel", [panel for _, panel in PANELS if panel["type"] == "stat"], ids=lambda p: p["title"])
def test_no_number_is_printed_over_a_line(panel):
    assert panel["options"]["graphMode"] == "none"


@pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS if panel["type"] == "timeseries"], ids=lambda p: p["title"]
)
def test_no_axis_shows_impossible_values(panel):
    """A symmetrical logarithmic axis shows -1 below 0."""
    defaults = panel["fieldConfig"]["defaults"]
    scale = defaults["custom"].get("scaleDistribution", {"type": "linear"})["type"]
    assert scale == "log" or (scale == "linear" and defaults["min"] == 0)


@pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS if panel["type"] == "timeseries"], ids=lambda p: p["title"]
)
def test_no_percentile_is_red(panel):
    for override in panel["fieldConfig"]["overrides"]:
        if re.match(r"p\d", override["matcher"]["options"]):
            (colour,) = [each["value"]["fixedColor"] for each in override["properties"] if each["id"] == "color"]
            assert "red" not in colour


def test_fleet_lists_firing_alerts():
    (panel,) = [
        panel
        for name, panel in PANELS
        if name == "fleet" and panel["type"] == "table" and panel["title"] == "Firing alerts"
    ]
    assert "by (alertname, severity, model)" in panel["targets"][0]["expr"]
    assert panel["options"]["sortBy"] == [{"displayName": "Severity", "desc": False}], "alerts that page come first"
    assert not [query for query in queries() if "count(ALERTS" in query.expr]
