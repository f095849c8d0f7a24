"""The metrics in Prometheus' text format, or in OpenMetrics if the client accepts it. Uses prometheus_client."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as PrometheusExemplar

from modelyard.telemetry.metrics.declarations import METRICS, Metric
from modelyard.telemetry.metrics.snapshot import Exemplar, Exemplars, Histogram, Key, Totals

PATH = "/metrics"
Bucket = tuple[str, float] | tuple[str, float, PrometheusExemplar]
ReadMetrics = Callable[[], tuple[Totals, Mapping[Key, float], Exemplars]]
"""Returns the current totals, gauges and exemplars."""


def metrics_app(read: ReadMetrics) -> WSGIApplication:
    """A WSGI application that serves /metrics, and 404 for other paths."""
    registry = CollectorRegistry()
    registry.register(_HubCollector(read))
    exposition = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            start_response("404 Not Found", [("content-type", "text/plain"), ("content-length", "0")])
            return ()
        body: Iterable[bytes] = exposition(environ, start_response)
        return body

    return app


def families(totals: Totals, gauges: Mapping[Key, float], exemplars: Exemplars) -> Iterator[Family]:
    """Every declared metric family, including those without series."""
    series: dict[str, list[tuple[Key, Any]]] = {metric.name: [] for metric in METRICS}
    for part in (totals.counters, totals.histograms, gauges):
        for (name, *labels), value in part.items():
            if name in series:
                series[name].append((tuple(labels), value))
    for metric in METRICS:
        yield _family(metric, sorted(series[metric.name]), exemplars)


class _HubCollector(Collector):
    def __init__(self, read: ReadMetrics) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        return families(*self._read())


def _family(metric: Metric, series: list[tuple[Key, Any]], exemplars: Exemplars) -> Family:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in series:
            buckets = _cumulative(metric, value, exemplars.get((metric.name, *labels), {}))
            histogram.add_metric(labels, buckets, sum_value=value.nanos / 1e9)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in series:
        family.add_metric(labels, value)
    return family


def _cumulative(metric: Metric, histogram: Histogram, exemplars: Mapping[int, Exemplar]) -> list[Bucket]:
    """Each bound as text, its cumulative count, and its exemplar if it has one. Only OpenMetrics shows exemplars."""
    bounds = (*(repr(bound) for bound in metric.buckets), "+Inf")
    counts = accumulate(histogram.counts)
    return [
        (bound, float(count), _exemplar(exemplars[bucket])) if bucket in exemplars else (bound, float(count))
        for bucket, (bound, count) in enumerate(zip(bounds, counts, strict=True))
    ]


def _exemplar(exemplar: Exemplar) -> PrometheusExemplar:
    return PrometheusExemplar({"trace_id": exemplar.trace_id}, exemplar.value, exemplar.at)
