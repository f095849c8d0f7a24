"""Conventions of all declarations, which rules and dashboards rely on."""

import re

import pytest

from modelyard.telemetry.metrics.declarations import METRICS, Metric

each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


@each_metric
def test_a_name_follows_prometheus_conventions(metric: Metric):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(ms|milliseconds|mb|percent)$", metric.name), "base units only"


@each_metric
def test_help_is_one_sentence_of_one_line(metric: Metric):
    assert re.fullmatch(r"[^\n]+\.", metric.help)


@each_metric
def test_only_a_histogram_has_buckets_in_ascending_order(metric: Metric):
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


@each_metric
def test_no_label_is_reserved_by_prometheus(metric: Metric):
    assert not {"le", "quantile", "job", "instance"} & {*metric.labels}
    assert len({*metric.labels}) == len(metric.labels)


def test_no_name_is_declared_twice():
    assert len({metric.name for metric in METRICS}) == len(METRICS)
