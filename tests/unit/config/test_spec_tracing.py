"""`tracing` in server.yaml."""

import sys

import pytest

from modelyard.config import server_checks
from modelyard.config.server_checks import TRACING_MODULE


def test_traces_are_off_unless_a_collector_is_named(folder):
    assert folder.write({"server.yaml": "body: 1MiB\n"}).load().server.tracing is None
    tracing = folder.write({"server.yaml": "tracing: {endpoint: 'http://collector:4318'}\n"}).load().server.tracing
    assert (tracing.endpoint, tracing.sample) == ("http://collector:4318", 0.01)


def test_traces_need_what_sends_them(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, TRACING_MODULE, None)  # makes the import fail
    folder.write({"server.yaml": "body: 1MiB\ntracing: {endpoint: 'http://collector:4318'}\n"})
    assert folder.reported() == [
        "server.yaml:2:1: tracing needs OpenTelemetry's exporter, which is not installed; pip install 'modelyard[tracing]'"
    ]
    assert folder.write({"server.yaml": "body: 1MiB\n"}).load()


def test_the_exporter_is_missing_if_the_package_that_contains_it_is_missing(folder, monkeypatch):
    monkeypatch.setattr(server_checks, "TRACING_MODULE", "no_such_package.exporter")
    assert len(folder.write({"server.yaml": "tracing: {endpoint: 'http://collector:4318'}\n"}).reported()) == 1


@pytest.mark.parametrize("endpoint", ["collector:4318", "http://", "http://me:secret@collector", "http://c/v1?x=1"])
def test_a_collector_that_is_no_plain_url_is_rejected(folder, endpoint):
    folder.write({"server.yaml": f"tracing: {{endpoint: '{endpoint}'}}\n"})
    (reported,) = folder.reported()
    assert reported.startswith("server.yaml:1:21: expected a URL such as http://127.0.0.1:4318, got the string")
