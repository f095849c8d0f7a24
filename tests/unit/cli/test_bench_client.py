"""Client processes against an HTTP server: what they send, count and report."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from modelyard.cli.bench.load_client import Address, LoadClient, process_count, split
from modelyard.cli.bench.target_http import TargetHttp
from modelyard.cli.bench.windows import Window
from tests.unit.cli.model_endpoint import ModelEndpoint

BODIES = [b'{"instances":[1]}', b'{"instances":[2]}', b'{"instances":[3]}']


@pytest.fixture
def endpoint() -> Iterator[ModelEndpoint]:
    endpoint = ModelEndpoint()
    yield endpoint
    endpoint.stop()


@contextmanager
def loading(url: str, connections: int = 2, timeout_s: float = 10.0, **options: Any) -> Iterator[LoadClient]:
    client = LoadClient(Address(url, timeout_s), BODIES, connections=connections, warm_s=0.1, **options)
    try:
        yield client
    finally:
        client.stop()


def first_windows(client: LoadClient, count: int = 2) -> list[Window]:
    client.warm_up()
    client.measure(0.1)
    return [client.next_window() for _ in range(count)]


def test_every_request_is_answered_and_counted(endpoint: ModelEndpoint):
    with loading(endpoint.url) as client:
        windows = first_windows(client)
    assert client.sent == len(endpoint.bodies) > 0
    for window in windows:
        assert 0.1 <= window.elapsed_s < 5
        assert window.requests_per_s == pytest.approx(len(window.latencies_s) / window.elapsed_s)
        assert min(window.latencies_s) > 0
        assert window.errors == {}
        assert 0 < window.client_core <= 1.5
        assert window.peak_in_flight == 2


def test_the_connections_are_kept_and_the_bodies_vary(endpoint: ModelEndpoint):
    with loading(endpoint.url) as client:
        first_windows(client)
    assert endpoint.connections == 2
    assert {body["instances"][0] for body in endpoint.bodies} == {1, 2, 3}


def test_a_connection_that_the_server_closes_is_opened_again(endpoint: ModelEndpoint):
    endpoint.closes = True
    with loading(endpoint.url) as client:
        windows = first_windows(client)
    assert all(window.errors == {} and len(window.latencies_s) > 0 for window in windows)
    assert endpoint.connections >= client.sent == len(endpoint.bodies)


def test_errors_are_counted_by_status_code_and_have_no_latency(endpoint: ModelEndpoint):
    endpoint.answer = lambda body: (429 if body["instances"] == [1] else 200, {})
    with loading(endpoint.url) as client:
        windows = first_windows(client)
    assert {kind for window in windows for kind in window.errors} == {"429"}
    assert any(len(window.latencies_s) > 0 for window in windows)


def test_errors_are_no_flood(endpoint: ModelEndpoint):
    endpoint.answer = lambda body: (503, {})
    with loading(endpoint.url, connections=1) as client:
        windows = first_windows(client, 3)
    assert 0 < sum(window.errors["503"] for window in windows) < 10


def test_a_server_that_is_down_is_an_error():
    endpoint = ModelEndpoint()
    endpoint.stop()
    with loading(endpoint.url) as client:
        [window] = first_windows(client, 1)
    assert set(window.errors) == {"not connected"}
    assert (window.requests_per_s, client.sent) == (0, 0)


def test_a_request_without_a_response_is_given_up(endpoint: ModelEndpoint):
    release = threading.Event()
    endpoint.answer = lambda body: (200, release.wait(60))
    # The client adds a grace period to the model's timeout.
    with loading(endpoint.url, connections=1, timeout_s=-4.9) as client:
        windows = first_windows(client, 3)
    release.set()
    assert any("no response" in window.errors for window in windows)


def test_responses_that_are_due_are_awaited_at_the_end(endpoint: ModelEndpoint):
    """A client that disconnects would be counted as a failed request."""
    release, received = threading.Event(), threading.Event()

    def held(body: Any) -> tuple[int, Any]:
        received.set()
        return 200, release.wait(60)

    endpoint.answer = held
    client = LoadClient(Address(endpoint.url, 10.0), BODIES, connections=1, warm_s=0.1)
    assert received.wait(60)
    threading.Timer(0.3, release.set).start()
    client.stop()
    assert release.is_set()
    assert client.sent == len(endpoint.bodies) == 1


def test_random_arrivals_have_about_the_rate(endpoint: ModelEndpoint):
    with loading(endpoint.url, connections=16, rate=60.0) as client:
        windows = first_windows(client, 10)
    counted = sum(len(window.latencies_s) for window in windows)
    elapsed_s = sum(window.elapsed_s for window in windows)
    assert 20 < counted / elapsed_s < 140


def test_a_request_that_waits_for_a_connection_counts_from_its_arrival(endpoint: ModelEndpoint):
    """Else a slow server would delay the requests that measure it, and look faster than it is."""
    release = threading.Event()

    def stalled(body: Any) -> tuple[int, Any]:
        return 200, release.wait(60)

    client = LoadClient(Address(endpoint.url, 10.0), BODIES, connections=1, warm_s=0.05, rate=100.0)
    try:
        client.warm_up()
        endpoint.answer = stalled
        client.measure(0.6)
        threading.Timer(0.4, release.set).start()
        windows = (client.next_window() for _ in range(20))
        # The stall holds up one request; dozens arrive meanwhile.
        late = next(window for window in windows if sum(latency > 0.05 for latency in window.latencies_s) > 5)
    finally:
        client.stop()
    assert late.peak_in_flight > 5


def test_several_processes_share_the_connections(endpoint: ModelEndpoint):
    with loading(endpoint.url, connections=3, processes=2) as client:
        windows = first_windows(client)
    assert endpoint.connections == 3
    assert {window.peak_in_flight for window in windows} == {3}
    assert client.sent == len(endpoint.bodies)


def test_a_server_with_tls_is_trusted_by_its_own_certificate_and_may_require_one_of_the_client(tmp_path: Path):
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server, client = authority.issue_cert("models.example"), authority.issue_cert("operator@example")
    server.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    files = {"ca": tmp_path / "server.pem", "certificate": tmp_path / "client.pem", "key": tmp_path / "client.key"}
    server.cert_chain_pems[0].write_to_path(files["ca"])
    client.cert_chain_pems[0].write_to_path(files["certificate"])
    client.private_key_pem.write_to_path(files["key"])
    endpoint = ModelEndpoint(tls=context)
    tls = {name: str(path) for name, path in files.items()}
    try:
        assert TargetHttp(endpoint.url, "churn", 10.0, tls).page()["example"] == endpoint.example
        loading_client = LoadClient(Address(endpoint.url, 10.0, tls), BODIES, connections=2, warm_s=0.1)
        windows = first_windows(loading_client)
        loading_client.stop()
    finally:
        endpoint.stop()
    assert all(window.errors == {} and len(window.latencies_s) > 0 for window in windows)
    assert loading_client.sent == len(endpoint.bodies)


@pytest.mark.parametrize(
    ("cores", "connections", "processes"), [(1, 64, 1), (2, 64, 1), (8, 64, 2), (8, 1, 1), (64, 64, 4)]
)
def test_clients_use_a_part_of_the_machine(cores: int, connections: int, processes: int):
    assert process_count(cores, connections) == processes


def test_connections_are_split_evenly():
    assert split(7, 3) == [3, 2, 2]


def test_a_client_process_that_fails_is_reported_with_its_error(endpoint: ModelEndpoint):
    client = LoadClient(Address(endpoint.url, 10.0, {"ca": "/no/such/file.pem"}), BODIES, connections=1, warm_s=0.1)
    with pytest.raises(ChildProcessError, match="No such file"):
        client.warm_up()
    client.stop()
