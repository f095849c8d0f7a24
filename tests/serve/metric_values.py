"""Metric values of the hub."""

from collections.abc import Mapping

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.serve.project import Server

Series = tuple[str, tuple[tuple[str, str], ...]]


def scrape(server: Server) -> dict[Series, float]:
    """All samples. Raises requests.ConnectionError while the hub is down."""
    response = server.http.get(f"http://127.0.0.1:{server.project.metrics_port}/metrics", timeout=10)
    assert response.status_code == 200
    families = text_string_to_metric_families(response.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Mapping[Series, float], name: str, **labels: str) -> float:
    """Sum of the samples with this name and these labels."""
    return sum(value for (sample, has), value in samples.items() if sample == name and {*labels.items()} <= {*has})


def request_count(server: Server, model: str, **labels: str) -> float:
    """`inference_requests_total` of a model; -1 while the hub is down."""
    try:
        return value(scrape(server), "inference_requests_total", model=model, **labels)
    except requests.RequestException:
        return -1
