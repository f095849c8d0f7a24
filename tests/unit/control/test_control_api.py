"""The responses of the control socket, with a fake server."""

from collections.abc import Callable
from dataclasses import asdict, replace
from threading import Event
from typing import Any

import pytest

from modelyard.control.api import ControlApi, Unreadable
from modelyard.control.death_log import Death
from modelyard.control.live_state import STOPPING, LiveState
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.plan import NeedsConfirmation
from modelyard.control.pool_status import pool_statuses
from modelyard.control.rollback import Rollback
from modelyard.control.status import ModelStatus, Running, model_statuses
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.telemetry.metrics.traffic import Traffic
from tests.unit.control.models import application, configured, details, resolved
from tests.unit.control.pool_fleet import pooled_config, running_pools
from tests.unit.control.pooled import CHURN, SMALL, fingerprint, observed


class Up:
    """Implements `api.Operations`."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.asked: list[tuple[object, ...]] = []

    def plan(self, folder: str) -> dict[str, Any]:
        self.asked.append(("plan", folder))
        if self.raises:
            raise self.raises
        return {"actions": []}

    def apply(self, folder: str, *, allow_removals: bool) -> dict[str, Any]:
        self.asked.append(("apply", folder, allow_removals))
        if self.raises:
            raise self.raises
        return {"actions": []}


def turn(
    number: int = 1,
    name: str = "churn",
    digests: str = "a",
    at: float = 0.0,
    status: str = "RUNNING",
    **more: Any,
) -> LoopSnapshot:
    config = application(resolved(name, digests))
    running = Running({name: details(config, status, {"RUNNING": 1})})
    statuses = model_statuses(running, {}, "http://127.0.0.1:8000")
    return LoopSnapshot(number, at, running, Rollback(), statuses, frozenset({name}), **more)


@pytest.fixture
def live() -> LiveState:
    return LiveState(now=lambda: 5.0)


def test_a_server_that_starts_reports_what_it_does(live: LiveState):
    live.starting("starting Ray")
    result = ControlApi(live).respond("GET", "/v1/status", None)
    assert result[0] == 200
    assert result[1]["models"] == []
    server = result[1]["server"]
    assert (server["phase"], server["step"], server["turn"], server["seen_s_ago"]) == (
        "starting",
        "starting Ray",
        0,
        None,
    )


def test_the_phases_follow_the_report(live: LiveState):
    def phase() -> tuple[str, str]:
        server = live.as_json()["server"]
        return server["phase"], server["step"]

    live.progress([])
    assert phase() == ("starting", "loading the models")
    live.started([], "", "")
    assert phase() == ("serving", "")
    live.starting(STOPPING)
    assert phase() == ("stopping", STOPPING)
    live.down("Ray died: starting again in 4 s")
    assert phase() == ("down", "Ray died: starting again in 4 s")


def test_a_status_has_every_model_its_traffic_and_what_it_reported_at_load(live: LiveState):
    sent: list[str] = []
    described = Event()

    def describe(status: ModelStatus) -> dict[str, Any]:
        sent.append(status.name)
        described.set()
        return {"batching": {"batched": True, "reason": ""}, "notes": ["a note"], "curl": "curl"}

    died = Death(1000.0, "churn", "r1", "exit", "exit code 3", ("a",))
    live.set_sources(lambda: {"churn": Traffic(1.0, 0.1, {"ok": 60}, 2)}, describe, lambda: {"churn": [died]})
    live.turned(turn())
    assert described.wait(10)
    wait_for(lambda: live.as_json()["models"][0]["notes"])
    (model,) = live.as_json()["models"]
    assert (model["name"], model["state"], model["notes"], model["batching"]["batched"]) == (
        "churn",
        "READY",
        ["a note"],
        True,
    )
    assert (model["traffic"]["queued"], model["traffic"]["failed"]) == (2, 0)
    assert model["deaths"] == [asdict(died)]
    live.turned(turn(2))
    assert sent == ["churn"]
    live.turned(turn(3, digests="b"))
    wait_for(lambda: sent == ["churn", "churn"])


def test_a_page_is_fetched_when_a_change_is_over_since_replicas_have_the_settings_of_before_meanwhile(live: LiveState):
    pages = iter(({"notes": ["of a"]}, {"notes": ["of b"]}))
    live.set_sources(dict, lambda _: next(pages), dict)

    def notes() -> object:
        return live.as_json()["models"][0]["notes"]

    live.turned(turn())
    wait_for(lambda: notes() == ["of a"])
    live.turned(turn(2, digests="b", status="DEPLOYING"))
    assert notes() == ["of a"]
    live.turned(turn(3, digests="b"))
    wait_for(lambda: notes() == ["of b"])


def test_a_model_of_a_pool_shows_the_deaths_of_the_pools_replicas(live: LiveState):
    died = Death(1000.0, SMALL, "r1", "exit", "exit code 3", ("a",))
    live.set_sources(dict, lambda _: None, lambda: {SMALL: [died]})
    running = observed(CHURN)
    live.turned(LoopSnapshot(1, 0.0, running, Rollback(), model_statuses(running, {}, ""), frozenset()))
    assert live.as_json()["models"][0]["deaths"] == [asdict(died)]


def test_the_page_of_a_model_that_is_cold_is_not_fetched_since_that_would_load_it(live: LiveState):
    described: list[str] = []

    def describe(status: ModelStatus) -> dict[str, object]:
        described.append(status.name)
        return {"notes": ["of a"]}

    live.set_sources(dict, describe, dict)
    config = configured(resolved("cold", pool="small"), resolved("warm", pool="small"))
    reports = {
        "0": {
            "cold": ModelReport("COLD", fingerprint(config, "cold")),
            "warm": ModelReport("RESIDENT", fingerprint(config, "warm")),
        }
    }
    running = observed(config, reports)
    rows = model_statuses(running, {}, "http://127.0.0.1:8000")
    assert [row.state for row in rows] == ["READY", "READY"]
    live.turned(LoopSnapshot(1, 0.0, running, Rollback(), rows, frozenset()))
    wait_for(lambda: live.as_json()["models"][1]["notes"] == ["of a"])
    live.turned(LoopSnapshot(2, 0.0, running, Rollback(), rows, frozenset()))
    assert described == ["warm"]


def test_a_hub_that_hangs_does_not_delay_the_status(live: LiveState):
    hangs = Event()

    def traffic() -> dict[str, Traffic]:
        hangs.wait(60)
        return {}

    live.set_sources(traffic, lambda _: None, dict)
    live.turned(turn())
    assert live.as_json()["models"][0]["traffic"] is None
    hangs.set()


def test_the_status_has_the_age_of_its_observation(live: LiveState):
    live.turned(turn(at=1.0))
    assert live.as_json()["server"]["seen_s_ago"] == 4.0


def test_what_lasts_and_what_waits_is_in_the_status(live: LiveState):
    live.turned(turn(notices={"withheld": "nothing is changed: ..."}))
    assert live.as_json()["server"]["notices"] == [{"about": "withheld", "text": "nothing is changed: ..."}]


def test_a_plan_and_an_apply_reach_a_server_that_is_up(live: LiveState):
    api = ControlApi(live)
    api.operations = up = Up()
    assert api.respond("POST", "/v1/plan", {"config": "/srv/conf"}) == (200, {"actions": []})
    assert api.respond("POST", "/v1/apply", {"config": "/srv/conf"})[0] == 200
    assert api.respond("POST", "/v1/apply", {"config": "/srv/conf", "allow_removals": True})[0] == 200
    assert up.asked == [("plan", "/srv/conf"), ("apply", "/srv/conf", False), ("apply", "/srv/conf", True)]


def test_a_plan_of_a_server_that_is_not_up_reports_what_the_server_does(live: LiveState):
    live.starting("starting Ray")
    result = ControlApi(live).respond("POST", "/v1/plan", {"config": "/srv/conf"})
    assert result == (503, {"error": "the server is starting: starting Ray"})


@pytest.mark.parametrize(
    ("error", "status", "document"),
    [
        (NeedsConfirmation("most models"), 409, {"withheld": "most models"}),
        (Unreadable([{"path": "a.yaml"}]), 422, {"diagnostics": [{"path": "a.yaml"}]}),
        (ConnectionError("the controller is away"), 503, {"error": "the controller is away"}),
        (TimeoutError("busy"), 503, {"error": "busy"}),
    ],
)
def test_what_an_apply_raises_has_a_status_of_its_own(
    live: LiveState, error: Exception, status: int, document: dict[str, Any]
):
    api = ControlApi(live)
    api.operations = up = Up()
    up.raises = error
    assert api.respond("POST", "/v1/apply", {"config": "/srv/conf"}) == (status, document)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v2/status", None, 404),
        ("GET", "/v1/plan", None, 404),
        ("POST", "/v1/status", {}, 404),
        ("POST", "/v1/plan", None, 400),
        ("POST", "/v1/plan", {"config": 7}, 400),
        ("POST", "/v1/apply", [], 400),
    ],
)
def test_other_requests_are_rejected(live: LiveState, method: str, path: str, body: Any, status: int):
    api = ControlApi(live)
    api.operations = Up()
    assert api.respond(method, path, body)[0] == status


def wait_for(true: Callable[[], object]) -> None:
    """Work of another thread; fails at the test's timeout."""
    pause = Event()
    while not true():
        pause.wait(0.01)


def test_paths_of_the_command_and_of_the_server_agree():
    from modelyard.cli import control_client
    from modelyard.control import api

    assert control_client.VERSION == api.VERSION


def described(live: LiveState, *statuses: ModelStatus, config: str = "a", number: int = 1) -> dict[str, Any]:
    """Publish these statuses; the notes of each model when `churn` has been described."""
    running = Running({status.name: details(application(resolved(status.name, config))) for status in statuses})
    live.turned(LoopSnapshot(number, 0.0, running, Rollback(), statuses, frozenset()))
    wait_for(lambda: all(model["notes"] for model in live.as_json()["models"] if model["name"] == "churn"))
    return {model["name"]: model["notes"] for model in live.as_json()["models"]}


READY = ModelStatus("churn", "READY", ("1",), "sha256:a", "onnx", 1, 1, "", "", changing=False)


@pytest.mark.parametrize(
    "other",
    [
        replace(READY, name="a", state="LOADING"),
        replace(READY, name="a", state="UNAVAILABLE", changing=False),
        replace(READY, name="a", replicas=0),
        replace(READY, name="a", changing=True),
    ],
    ids=["loading", "unavailable", "scaled to zero", "changing"],
)
def test_only_a_model_whose_replicas_have_its_settings_is_described(live: LiveState, other: ModelStatus):
    sent: list[str] = []

    def describe(status: ModelStatus) -> dict[str, Any]:
        sent.append(status.name)
        return {"notes": [status.name]}

    live.set_sources(dict, describe, dict)
    assert described(live, other, READY) == {"a": None, "churn": ["churn"]}
    assert sent == ["churn"]


def test_a_model_keeps_its_page_during_a_change(live: LiveState):
    live.set_sources(dict, lambda status: {"notes": [status.name]}, dict)
    a = replace(READY, name="a")
    assert described(live, a, READY) == {"a": ["a"], "churn": ["churn"]}
    changing, added = replace(a, changing=True), replace(READY, name="b")
    described(live, changing, added, READY, config="b", number=2)
    wait_for(lambda: [model["notes"] for model in live.as_json()["models"]] == [["a"], ["b"], ["churn"]])


def test_the_age_of_an_observation_is_in_tenths_of_a_second():
    live = LiveState(now=lambda: 5.06)
    live.turned(turn())
    assert live.as_json()["server"]["seen_s_ago"] == 5.1


@pytest.mark.parametrize("approval", [False, True])
def test_a_status_says_whether_changes_wait_for_an_approval(approval: bool):
    assert LiveState(approval=approval).as_json()["server"]["approval"] is approval
    assert LiveState().as_json()["server"]["approval"] is False


def test_the_page_of_a_cold_model_is_not_fetched_because_that_would_load_it(live: LiveState):
    fetched: list[str] = []

    def describe(status: ModelStatus) -> dict[str, Any]:
        fetched.append(status.name)
        return {"batching": None}

    live.set_sources(dict, describe, dict)
    config = pooled_config(resolved("cold", pool="small"), resolved("warm", pool="small"))
    running = running_pools(config, cold=frozenset({"cold"}))
    statuses = model_statuses(running, {}, "http://127.0.0.1:8000")
    pools = pool_statuses(running, statuses)
    live.turned(LoopSnapshot(1, 0.0, running, Rollback(), statuses, frozenset({"cold", "warm"}), pools))
    live._described.get(60.0)
    assert fetched == ["warm"]
    assert [(pool["name"], pool["resident"], pool["cold"]) for pool in live.as_json()["pools"]] == [("small", 1, 1)]
