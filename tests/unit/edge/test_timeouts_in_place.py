"""A model's timeout that changes while HAProxy runs, which reads its maps only at its start."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.control.edge_maps import MAX_FAILURES, EdgeMaps
from modelyard.edge.admin_socket import AdminError, session
from modelyard.edge.model_maps import TIMEOUTS_FILE, EdgeModel
from tests.unit.edge.dying_replicas import dying_replicas
from tests.unit.edge.proxy import Edge, backend

SLOW, QUICK = (EdgeModel("/models/churn", timeout_s=seconds) for seconds in (60, -2.7))
"""HAProxy waits three seconds longer than these timeouts."""


@contextmanager
def haproxy(edge: Edge, admin: Path) -> Iterator[None]:
    """HAProxy with one replica of the model, and its admin socket where Ray Serve puts it."""
    (edge.folder / "node").symlink_to(admin.parent)
    with (
        dying_replicas(1) as replicas,
        backend("gateway") as gateway,
        edge.running({"gateway": [gateway.port], "churn": [replicas[0].port]}, admin=admin),
    ):
        yield


def seconds_until_504(edge: Edge) -> float:
    """How long HAProxy waits for a replica that hangs."""
    begun = time.monotonic()
    assert edge.fetch("/models/churn/predict", "POST", b"FREEZE").status == 504
    return time.monotonic() - begun


def test_a_changed_time_out_holds_for_the_next_request(edge: Edge, admin: Path) -> None:
    edge.write({}, SLOW)
    timeouts, reported = EdgeMaps(edge.files), list[str]()
    with haproxy(edge, admin):
        edge.write({}, QUICK)
        timeouts.check(reported.append)
        assert 0.2 < seconds_until_504(edge) < 5
    assert reported == [""]


def test_a_map_of_many_models_is_replaced_as_a_whole(edge: Edge, admin: Path) -> None:
    edge.write({}, SLOW)
    many = [EdgeModel(f"/models/{'m' * 50}{number}") for number in range(1000)]
    with haproxy(edge, admin):
        edge.write({}, *many, QUICK)
        EdgeMaps(edge.files).check(lambda _: None)
        assert seconds_until_504(edge) < 5
        edge.write({}, *many)
        EdgeMaps(edge.files).check(lambda _: None)
        edge.write({}, QUICK)
        EdgeMaps(edge.files).check(lambda _: None)
        assert seconds_until_504(edge) < 5


def test_what_has_not_changed_is_sent_once_to_each_haproxy(edge: Edge, admin: Path) -> None:
    edge.write({}, SLOW)
    timeouts = EdgeMaps(edge.files)
    with haproxy(edge, admin):
        timeouts.check(lambda _: None)
        with session(admin) as running:
            running.replace_map(TIMEOUTS_FILE, "churn 300\n")
        timeouts.check(lambda _: None)
        assert seconds_until_504(edge) < 5, "it was sent again"


def test_a_haproxy_that_does_not_respond_is_reported_when_it_continues(edge: Edge) -> None:
    edge.write({}, SLOW)
    timeouts, reported = EdgeMaps(edge.files), list[str]()
    (edge.folder / "haproxy.pid").write_text("1")
    for _ in range(MAX_FAILURES):
        assert not reported
        timeouts.check(reported.append)
    assert "other models or timeouts" in reported[0]


def test_before_haproxy_has_started_there_is_nothing_to_send(edge: Edge) -> None:
    edge.write({}, SLOW)
    reported = list[str]()
    EdgeMaps(edge.files).check(reported.append)
    assert reported == [""]


def test_a_map_that_haproxy_does_not_have_is_an_error(edge: Edge, admin: Path) -> None:
    edge.write({}, SLOW)
    with haproxy(edge, admin), session(admin) as running, pytest.raises(AdminError):
        running.replace_map("unknown.map", "churn 1\n")
