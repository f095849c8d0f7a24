"""The whole of `modelyard bench`, with a fake of the running server's socket and of its HTTP paths."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import Result

from modelyard.cli.bench.target import NotMeasurable, check_idle, find_target
from modelyard.cli.fleet_state import FleetState
from modelyard.config.load import load
from modelyard.control import control_socket
from modelyard.control.api import ControlApi
from modelyard.control.control_server import ControlServer
from modelyard.control.live_state import LiveState
from modelyard.telemetry.metrics.traffic import Traffic
from tests.unit.cli.model_endpoint import ModelEndpoint
from tests.unit.cli.project_folder import ProjectFolder
from tests.unit.cli.test_status_of_pools import fleet, model
from tests.unit.control.test_control_api import turn

QUICK = ("--window-s", "0.1", "--max-s", "0.3")


@pytest.fixture
def endpoint() -> Iterator[ModelEndpoint]:
    endpoint = ModelEndpoint()
    yield endpoint
    endpoint.stop()


@pytest.fixture
def live() -> LiveState:
    live = LiveState(now=lambda: 0.0)
    live.started([], "", "")
    return live


@pytest.fixture
def up(project: ProjectFolder, endpoint: ModelEndpoint, live: LiveState) -> Iterator[ProjectFolder]:
    """The project, whose server runs one model."""
    project.model("churn")
    project.artefact("churn")
    state = project.root / ".modelyard"
    state.mkdir()
    snapshot = turn()
    live.turned(replace(snapshot, statuses=tuple(replace(each, url=endpoint.url) for each in snapshot.statuses)))
    with control_socket.listen(state) as listener:
        serving = ControlServer(listener, ControlApi(live).respond)
        serving.start()
        yield project
        serving.stop()


def bench(project: ProjectFolder, *options: str, name: str = "churn") -> Result:
    return project.run("bench", name, *QUICK, *options)


def as_json(project: ProjectFolder, *options: str, exit_code: int = 0) -> Any:
    return project.json("bench", "churn", *QUICK, *options, exit_code=exit_code)


def test_levels_are_shown_in_a_table_and_a_chart(up: ProjectFolder):
    file = up.root / "chart.svg"
    done = bench(up, "--in-flight", "1,2", "--rows", "1,4", "--svg", str(file))
    assert done.exit_code == 0, done.output
    table, drawing, advice = done.stdout.split("\n\n")
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [["1", "1"], ["1", "2"], ["4", "1"], ["4", "2"]]
    assert len(drawing.splitlines()) == 5
    assert file.read_text().startswith("<svg ")
    assert "--p99-ms" in advice
    assert "churn: 1 replica, http://127.0.0.1:" in done.stderr
    assert "input: the model's example: 3 different rows; the first response took" in done.stderr
    assert "requests in flight: 1, 2; rows per request: 1, 4\n" in done.stderr
    assert "load on the running server: 4 levels, 0:02 to 0:02. Ctrl-C ends it" in done.stderr


def test_the_number_of_requests_is_that_which_the_server_received(up: ProjectFolder, endpoint: ModelEndpoint):
    # On a busy machine, there may be too few responses for a recommendation.
    result = json.loads(bench(up, "--in-flight", "1,2", "--rows", "1,2", "--p99-ms", "5000", "-o", "json").stdout)
    assert result["requests_sent"] == len(endpoint.bodies)
    assert {len(body["instances"]) for body in endpoint.bodies} == {1, 2}
    assert all(level["batch_rows"] == level["rows"] for level in result["levels"])


def test_the_settings_that_meet_a_limit_are_valid_in_the_models_file(up: ProjectFolder):
    result = as_json(up, "--in-flight", "2", "--rows", "1", "--p99-ms", "5000", "--max-s", "2")
    assert result["best"] == result["levels"][0]
    assert result["checks"][-1]["latency_ms"]["p99"] <= 5000
    up.model("churn", result["yaml"])
    assert up.run("validate").exit_code == 0
    [spec] = load(up.config, os.environ).models
    assert spec.limits.queue == result["settings"]["limits"]["queue"] >= 2


def test_a_limit_that_no_level_meets_is_a_failure_with_the_nearest_level(up: ProjectFolder):
    done = bench(up, "--in-flight", "1", "--rows", "1", "--p99-ms", "0.001")
    assert done.exit_code == 1
    assert "No level meets a p99 of 0.001 ms. Nearest: 1 row, 1 in flight" in done.stdout


def test_levels_with_errors_fail(up: ProjectFolder, endpoint: ModelEndpoint):
    endpoint.answer = lambda body: (200 if len(endpoint.bodies) < 3 else 429, {})
    result = as_json(up, "--in-flight", "1,2", "--rows", "1", "--p99-ms", "5000", exit_code=1)
    [level] = result["levels"]
    assert (set(level["errors"]), result["best"], result["yaml"]) == ({"429"}, None, None)
    assert result["skipped"] == [{"in_flight": 2, "rows": 1, "reason": "errors at 1 in flight"}]


def test_bodies_of_a_file_are_sent_as_they_are(up: ProjectFolder, endpoint: ModelEndpoint):
    file = up.root / "requests.jsonl"
    file.write_text('{"instances": [[1, 2]]}\n{"instances": [[3, 4], [5, 6]]}\n')
    result = as_json(up, "--in-flight", "1", "--input", str(file))
    assert {len(body["instances"]) for body in endpoint.bodies} == {1, 2}
    [level] = result["levels"]
    assert level["rows"] is None
    assert 1.3 < level["rows_per_s"] / level["requests_per_s"] < 1.7


def test_a_model_without_rows_is_loaded_with_its_example(up: ProjectFolder, endpoint: ModelEndpoint):
    endpoint.example = {"inputs": {"x": [1.0]}}
    assert [level["rows"] for level in as_json(up, "--in-flight", "1")["levels"]] == [None]
    done = bench(up, "--rows", "2")
    assert done.exit_code == 1
    assert "--rows needs bodies with `instances`; the model's example has other ones" in done.stderr


def test_a_request_that_the_model_rejects_ends_the_command_before_the_load(up: ProjectFolder, endpoint: ModelEndpoint):
    endpoint.answer = lambda body: (400, {"detail": "x is not a number"})
    done = bench(up, "--rows", "2")
    assert done.exit_code == 1
    assert "error: the response to a request of 2 rows is 400: x is not a number" in done.stderr
    assert len(endpoint.bodies) == 1


def test_a_server_with_traffic_is_loaded_only_if_confirmed(up: ProjectFolder, live: LiveState, endpoint: ModelEndpoint):
    busy = {"churn": Traffic(12.5, 0.01, {"ok": 750})}
    live.set_sources(traffic=lambda: busy, describe=lambda status: None, deaths=dict)
    done = bench(up, "--in-flight", "1", "--rows", "1")
    assert done.exit_code == 1
    assert "the server had requests within the last minute: churn (12.5/s)" in done.stderr
    assert endpoint.bodies == []
    assert bench(up, "--in-flight", "1", "--rows", "1", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--in-flight", "0"), "must be from 1 to 1024"),
        (("--rows", "1,x"), "is not a list of numbers"),
        (("--window-s", "1", "--max-s", "2"), "at least 3 windows"),
        (("--rate", "10"), "needs --p99-ms"),
        (("--input", "/no/such/file"), "does not exist"),
    ],
)
@pytest.mark.usefixtures("up")
def test_wrong_options_are_wrong_usage(project: ProjectFolder, options: tuple[str, ...], message: str):
    done = bench(project, *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.usefixtures("up")
def test_a_file_that_is_not_json_is_wrong_usage(project: ProjectFolder):
    (project.root / "bad.jsonl").write_bytes(b'{"a": 1}\n{\n')
    done = bench(project, "--input", str(project.root / "bad.jsonl"))
    assert done.exit_code == 2
    assert "is not JSON" in done.stderr


@pytest.mark.usefixtures("up")
def test_a_misspelt_name_is_corrected(project: ProjectFolder):
    done = bench(project, name="chrun")
    assert done.exit_code == 1
    assert "error: the server has no model 'chrun'; did you mean 'churn'?" in done.stderr


def test_without_a_server_it_reports_that_none_runs_here(project: ProjectFolder):
    project.model("churn")
    project.artefact("churn")
    done = bench(project)
    assert done.exit_code == 1
    assert "start it with `modelyard up`" in done.stderr


def test_json_is_all_that_is_on_standard_output(up: ProjectFolder):
    done = bench(up, "--in-flight", "1", "--rows", "1", "-o", "json")
    assert json.loads(done.stdout)["model"] == "churn"
    assert "1 row, 1 in flight: " in done.stderr


def state(**more: Any) -> FleetState:
    return fleet(model("churn", **more), model("other"))


def test_a_model_that_is_not_ready_is_not_loaded():
    with pytest.raises(NotMeasurable, match="churn is UNAVAILABLE: it is broken"):
        find_target(state(state="UNAVAILABLE", reason="it is\nbroken"), "churn")
    assert find_target(state(), "churn").name == "churn"


def test_the_models_with_the_most_traffic_are_named():
    def traffic(rate: float) -> Traffic:
        return Traffic(rate, None, {})

    check_idle({"a": traffic(0.0)})
    with pytest.raises(NotMeasurable, match=r"minute: e \(5.0/s\), d \(4.0/s\), c \(3.0/s\) and 1 more\."):
        check_idle({name: traffic(rate) for rate, name in enumerate("abcde", 1) if name != "a"} | {"a": traffic(0.0)})
