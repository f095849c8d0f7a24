"""Totals and gauges as Prometheus reads them, by prometheus_client: its text format, or OpenMetrics to who asks for that."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from monitoring.metrics import METRICS, Metric
from monitoring.snapshot import Histogram, Key, Totals

PATH = "/metrics"
Look = Callable[[], tuple[Totals, Mapping[Key, float]]]
"""Totals and gauges of one moment."""


def metrics_app(look: Look) -> WSGIApplication:
    """Answers on /metrics, and nowhere else."""
    registry = CollectorRegistry()
    registry.register(_Exposed(look))
    shown = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            start_response("404 Not Found", [("content-type", "text/plain"), ("content-length", "0")])
            return ()
        answer: Iterable[bytes] = shown(environ, start_response)
        return answer

    return app


def families(totals: Totals, gauges: Mapping[Key, float]) -> Iterator[Family]:
    """Every declared family, those without a series too."""
    series: dict[str, list[tuple[Key, Any]]] = {metric.name: [] for metric in METRICS}
    for part in (totals.counters, totals.histograms, gauges):
        for (name, *labels), value in part.items():
            if name in series:
                series[name].append((tuple(labels), value))
    for metric in METRICS:
        yield _family(metric, sorted(series[metric.name]))


class _Exposed(Collector):
    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterator[Family]:
        return families(*self._look())


def _family(metric: Metric, series: list[tuple[Key, Any]]) -> Family:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in series:
            histogram.add_metric(labels, _cumulative(metric, value), sum_value=value.nanos / 1e9)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in series:
        family.add_metric(labels, value)
    return family


def _cumulative(metric: Metric, histogram: Histogram) -> list[tuple[str, float]]:
    """Each bound, as text, with the number of observations up to it."""
    bounds = (*(repr(bound) for bound in metric.buckets), "+Inf")
    return [(bound, float(count)) for bound, count in zip(bounds, accumulate(histogram.counts), strict=True)]
