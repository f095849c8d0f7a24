"""What Prometheus reads, parsed by prometheus_client's own parsers, over real HTTP."""

import urllib.error
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from modelyard.telemetry.metrics.declarations import BATCH_SIZE, METRICS, REQUEST_DURATION, REQUESTS
from modelyard.telemetry.metrics.exposition import metrics_app
from modelyard.telemetry.metrics.scrape_server import listen
from modelyard.telemetry.metrics.snapshot import Exemplar, Histogram, Totals
from tests.unit.telemetry.pushes import FLYING, OK, totals_of

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def ask(port: int, path: str = "/metrics", accept: str = "text/plain") -> tuple[str, str]:
    """Content type and body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"accept": accept})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return answer.headers["content-type"], answer.read().decode()


@pytest.fixture(scope="module")
def port() -> int:
    return listen(
        "127.0.0.1", 0, metrics_app(lambda: (totals_of(7), {FLYING: 2.0, ("nobody_declared_this",): 1.0}, {}))
    )


@pytest.mark.parametrize(
    ("accept", "kind", "parse"),
    [("text/plain", "text/plain", parse_text), (OPENMETRICS, "application/openmetrics-text", parse_openmetrics)],
)
def test_every_declared_family_is_told_in_the_form_that_was_asked_for(port: int, accept, kind, parse):
    content_type, body = ask(port, accept=accept)
    assert content_type.startswith(kind)
    families = {family.name: family for family in parse(body)}
    assert set(families) == {metric.name.removesuffix("_total") for metric in METRICS}
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value for f in families.values() for sample in f.samples
    }
    who = (("model", "churn"), ("version", "1"))
    assert samples[("inference_requests_total", ("code", "ok"), who[0], ("protocol", "predict"), who[1])] == 7
    assert samples[("inference_requests_in_flight", *who)] == 2
    assert samples[("inference_batch_size_count", *who)] == 7
    assert samples[("inference_batch_size_sum", *who)] == 7
    buckets = [value for (name, *_), value in samples.items() if name == "inference_batch_size_bucket"]
    assert buckets == [7] * (len(BATCH_SIZE.buckets) + 1), "they are cumulative"


def test_help_and_labels_are_those_that_are_declared(port: int):
    _, body = ask(port)
    assert f"# HELP {REQUESTS.name} {REQUESTS.help}" in body
    for family in parse_text(body):
        declared = next(metric for metric in METRICS if metric.name.removesuffix("_total") == family.name)
        for sample in family.samples:
            assert {*sample.labels} - {"le"} == {*declared.labels}


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/../etc/passwd", "/favicon.ico"])
def test_nothing_else_is_answered(port: int, path: str):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(port, path)
    assert caught.value.code == 404
    caught.value.close()


def test_a_label_cannot_break_out_of_its_line():
    app = metrics_app(lambda: (Totals({(*OK[:1], 'x"} 1\nevil 2', *OK[2:]): 1}), {}, {}))
    _, body = ask(listen("127.0.0.1", 0, app))
    assert "\nevil" not in body
    assert r"\nevil" in body


def test_a_trace_of_a_slow_request_stands_at_its_bucket_in_openmetrics_alone():
    counts = (*[0] * 5, 3, *[0] * (len(REQUEST_DURATION.buckets) - 5))
    key = (REQUEST_DURATION.name, "churn", "1")
    exemplar = Exemplar(1_700_000_000.5, 0.02, "4bf92f3577b34da6a3ce929d0e0e4736")
    totals = Totals(histograms={key: Histogram(counts, 60_000_000)})
    port = listen("127.0.0.1", 0, metrics_app(lambda: (totals, {}, {key: {5: exemplar}})))
    _, body = ask(port, accept=OPENMETRICS)
    told = [
        (sample.labels["le"], sample.exemplar)
        for family in parse_openmetrics(body)
        for sample in family.samples
        if sample.exemplar
    ]
    (bound, shown) = told[0]
    assert len(told) == 1
    assert (bound, shown.value, shown.labels) == ("0.025", 0.02, {"trace_id": exemplar.trace_id})
    assert float(shown.timestamp) == exemplar.at
    _, plain = ask(port)
    assert exemplar.trace_id not in plain
