"""The exposition over HTTP, parsed with prometheus_client's parsers."""

import urllib.error
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from modelyard.telemetry.metrics.declarations import BATCH_SIZE, METRICS, REQUEST_DURATION, REQUESTS
from modelyard.telemetry.metrics.exposition import metrics_app
from modelyard.telemetry.metrics.scrape_server import listen
from modelyard.telemetry.metrics.snapshot import Exemplar, Histogram, Totals
from tests.unit.telemetry.pushes import IN_FLIGHT_KEY, OK, totals_of

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scrape(port: int, path: str = "/metrics", accept: str = "text/plain") -> tuple[str, str]:
    """Content type and body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"accept": accept})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
        return response.headers["content-type"], response.read().decode()


@pytest.fixture(scope="module")
def port() -> int:
    return listen(
        "127.0.0.1", 0, metrics_app(lambda: (totals_of(7), {IN_FLIGHT_KEY: 2.0, ("undeclared_metric",): 1.0}, {}))
    )


@pytest.mark.parametrize(
    ("accept", "kind", "parse"),
    [("text/plain", "text/plain", parse_text), (OPENMETRICS, "application/openmetrics-text", parse_openmetrics)],
)
def test_every_declared_family_is_exposed_in_the_accepted_format(port: int, accept, kind, parse):
    content_type, body = scrape(port, accept=accept)
    assert content_type.startswith(kind)
    families = {family.name: family for family in parse(body)}
    assert set(families) == {metric.name.removesuffix("_total") for metric in METRICS}
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value for f in families.values() for sample in f.samples
    }
    labels = (("model", "churn"), ("version", "1"))
    assert samples[("inference_requests_total", ("code", "ok"), labels[0], ("protocol", "predict"), labels[1])] == 7
    assert samples[("inference_requests_in_flight", *labels)] == 2
    assert samples[("inference_batch_size_count", *labels)] == 7
    assert samples[("inference_batch_size_sum", *labels)] == 7
    buckets = [value for (name, *_), value in samples.items() if name == "inference_batch_size_bucket"]
    assert buckets == [7] * (len(BATCH_SIZE.buckets) + 1), "buckets are cumulative"


def test_help_and_labels_match_the_declaration(port: int):
    _, body = scrape(port)
    assert f"# HELP {REQUESTS.name} {REQUESTS.help}" in body
    for family in parse_text(body):
        declared = next(metric for metric in METRICS if metric.name.removesuffix("_total") == family.name)
        for sample in family.samples:
            assert {*sample.labels} - {"le"} == {*declared.labels}


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/../etc/passwd", "/favicon.ico"])
def test_other_paths_are_not_found(port: int, path: str):
    with pytest.raises(urllib.error.HTTPError) as caught:
        scrape(port, path)
    assert caught.value.code == 404
    caught.value.close()


def test_a_label_value_cannot_end_its_line():
    app = metrics_app(lambda: (Totals({(*OK[:1], 'x"} 1\nevil 2', *OK[2:]): 1}), {}, {}))
    _, body = scrape(listen("127.0.0.1", 0, app))
    assert "\nevil" not in body
    assert r"\nevil" in body


def test_an_exemplar_is_exposed_at_its_bucket_in_openmetrics_only():
    counts = (*[0] * 5, 3, *[0] * (len(REQUEST_DURATION.buckets) - 5))
    key = (REQUEST_DURATION.name, "churn", "1")
    exemplar = Exemplar(1_700_000_000.5, 0.02, "4bf92f3577b34da6a3ce929d0e0e4736")
    totals = Totals(histograms={key: Histogram(counts, 60_000_000)})
    port = listen("127.0.0.1", 0, metrics_app(lambda: (totals, {}, {key: {5: exemplar}})))
    _, body = scrape(port, accept=OPENMETRICS)
    found = [
        (sample.labels["le"], sample.exemplar)
        for family in parse_openmetrics(body)
        for sample in family.samples
        if sample.exemplar
    ]
    (bound, shown) = found[0]
    assert len(found) == 1
    assert (bound, shown.value, shown.labels) == ("0.025", 0.02, {"trace_id": exemplar.trace_id})
    assert float(shown.timestamp) == exemplar.at
    _, plain = scrape(port)
    assert exemplar.trace_id not in plain
