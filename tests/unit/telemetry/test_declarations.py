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


def test_queries_can_rely_on_the_bounds_of_the_buckets():
    """A dashboard or alert names a bucket by its bound."""
    request = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
    step = [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *request]
    assert {metric.name: [*metric.buckets] for metric in METRICS if metric.buckets} == {
        "inference_request_duration_seconds": request,
        "inference_queue_duration_seconds": step,
        "inference_compute_duration_seconds": step,
        "inference_batch_size": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096],
        "model_load_duration_seconds": [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    }
