"""Totals and gauges as Prometheus reads them, by prometheus_client: its text format, or OpenMetrics to who asks for that."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as Shown

from modelyard.telemetry.metrics.declarations import METRICS, Metric
from modelyard.telemetry.metrics.snapshot import Exemplar, Exemplars, Histogram, Key, Totals

PATH = "/metrics"
Bucket = tuple[str, float] | tuple[str, float, Shown]
Look = Callable[[], tuple[Totals, Mapping[Key, float], Exemplars]]
"""Totals, gauges and exemplars of one moment."""


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


def families(totals: Totals, gauges: Mapping[Key, float], exemplars: Exemplars) -> Iterator[Family]:
    """Every declared family, those without a series too."""
    series: dict[str, list[tuple[Key, Any]]] = {metric.name: [] for metric in METRICS}
    for part in (totals.counters, totals.histograms, gauges):
        for (name, *labels), value in part.items():
            if name in series:
                series[name].append((tuple(labels), value))
    for metric in METRICS:
        yield _family(metric, sorted(series[metric.name]), exemplars)


class _Exposed(Collector):
    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterator[Family]:
        return families(*self._look())


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
    """Each bound, as text, with the number of observations up to it, and with its exemplar, which only OpenMetrics shows."""
    bounds = (*(repr(bound) for bound in metric.buckets), "+Inf")
    counts = accumulate(histogram.counts)
    return [
        (bound, float(count), _shown(exemplars[bucket])) if bucket in exemplars else (bound, float(count))
        for bucket, (bound, count) in enumerate(zip(bounds, counts, strict=True))
    ]


def _shown(exemplar: Exemplar) -> Shown:
    return Shown({"trace_id": exemplar.trace_id}, exemplar.value, exemplar.at)
