"""What the operator's terminal shows."""

import io
from datetime import UTC, datetime

import pytest

from modelyard.cli.terminal_report import TerminalReport, action_line, console
from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.control.plan import Action
from modelyard.control.status import ModelStatus
from modelyard.ray_serve.application_status import WAITING_TO_LOAD, State

AT = datetime(2026, 3, 29, 1, 59, 59, tzinfo=UTC)


def row(name: str, state: State = "READY", reason: str = "", *, replicas: int = 1, wanted: int = 1) -> ModelStatus:
    url = f"http://[::1]:8000/models/{name}/predict"
    return ModelStatus(name, state, ("2", "1"), "sha256:ab", "onnx", replicas, wanted, url, reason, changing=False)


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def report(printed: io.StringIO) -> TerminalReport:
    return TerminalReport(console(printed), now=lambda: AT)


def lines(printed: io.StringIO) -> list[str]:
    """The printed text, without the time at its start."""
    return [line.removeprefix(f"{AT.astimezone().isoformat()}  ") for line in printed.getvalue().splitlines()]


def test_a_line_begins_with_a_time_that_names_its_zone(report: TerminalReport, printed: io.StringIO):
    report.trouble("the disk is full")
    time, _, text = printed.getvalue().partition("  ")
    assert (datetime.fromisoformat(time), text) == (AT, "the disk is full\n")
    assert datetime.fromisoformat(time).tzinfo is not None


def test_what_waits_for_the_operator_is_shown_with_the_command_that_applies_it(
    report: TerminalReport, printed: io.StringIO
):
    report.awaits([Action("remove", "a", "not configured")], "")
    report.awaits([Action("remove", "a", "not configured")], "most models are gone")
    assert lines(printed) == [
        "files changed; run `modelyard apply` to apply these changes:",
        "  - remove a: not configured",
        "files changed; run `modelyard apply --allow-removals` to apply these changes:",
        "  - remove a: not configured",
        "  most models are gone",
    ]


def test_progress_is_reported_when_it_changes(report: TerminalReport, printed: io.StringIO):
    starting = [row("a", "LOADING"), row("b", "LOADING"), row("c")]
    report.progress(starting)
    report.progress(starting)
    report.progress([row("a"), row("b", "LOADING"), row("c")])
    assert lines(printed) == ["1 of 3 models ready; loading a, b", "2 of 3 models ready; loading b"]


def test_progress_shows_why_a_model_does_not_come_up(report: TerminalReport, printed: io.StringIO):
    report.progress([row("a"), row("b", "LOADING", "no room for a replica"), row("c", "UNAVAILABLE", "bad file")])
    assert lines(printed) == ["1 of 3 models ready; b LOADING: no room for a replica; c UNAVAILABLE: bad file"]


def test_models_that_wait_for_others_are_a_number(report: TerminalReport, printed: io.StringIO):
    report.progress([row("a", "LOADING"), *(row(name, "LOADING", WAITING_TO_LOAD) for name in "bcd")])
    assert lines(printed) == ["0 of 4 models ready; loading a; 3 waiting to load"]


def test_of_very_many_models_some_names_and_steps_are_printed(report: TerminalReport, printed: io.StringIO):
    names = [f"m{number:03}" for number in range(1000)]
    for up in range(0, 101, 10):
        report.progress([row(name, "READY" if number < up else "LOADING") for number, name in enumerate(names)])
    first, second, third = lines(printed)
    assert first == f"0 of 1000 models ready; loading {', '.join(names[:10])} and 990 more"
    assert [line.partition(" of ")[0] for line in (second, third)] == ["50", "100"]


def test_the_table_of_the_start_has_a_limit_and_problems_first(report: TerminalReport, printed: io.StringIO):
    names = [f"m{number:03}" for number in range(1000)]
    report.started([row(name) for name in names[:-1]] + [row(names[-1], "UNAVAILABLE", "no such file")], "", "")
    heading, first, *_, more, _ = printed.getvalue().splitlines()
    assert first.split()[:2] == ["m999", "UNAVAILABLE"]
    assert (heading.split()[0], more) == ("MODEL", "+950 more: modelyard status")


def test_a_models_change_is_one_line(report: TerminalReport, printed: io.StringIO):
    report.changed(row("a", replicas=1, wanted=2))
    report.changed(row("b", "UNAVAILABLE", "it [died]", wanted=0))
    assert lines(printed) == [
        "a READY version 2, 1, 1 of 2 replicas",
        "b UNAVAILABLE version 2, 1: it [died]",
    ]


def test_an_error_is_shown_with_the_note_that_no_changes_were_applied(report: TerminalReport, printed: io.StringIO):
    report.mistakes(SpecError((Diagnostic("models/a.yaml", 0, 0, "unknown key '[b]x'"),)))
    assert printed.getvalue().splitlines()[0] == "models/a.yaml: error: unknown key '[b]x'"
    assert "no changes applied" in printed.getvalue()


def test_the_start_ends_with_the_table_and_a_line_to_paste(report: TerminalReport, printed: io.StringIO):
    curl = "curl -s http://127.0.0.1:8000/models/a/predict -d '{\"instances\": [[1, 2]]}'" + " " * 200 + "#end"
    report.started([row("a")], curl, "http://127.0.0.1:8002/metrics")
    assert f"  {curl}\n" in printed.getvalue(), "in one line, and not as markup"


@pytest.mark.parametrize(
    ("kind", "line"), [("add", "+ add a: why"), ("remove", "- remove a: why"), ("refuse", "! refuse a: why")]
)
def test_an_action_is_one_line(kind, line):
    assert action_line(Action(kind, "a", "why")) == line


def test_the_start_shows_whether_changes_wait(report: TerminalReport, printed: io.StringIO):
    report.started([row("a")], "", "")
    report.approval = True
    report.started([row("a")], "", "")
    assert [line for line in lines(printed) if "watching" in line] == [
        "watching serve_config and the model repository; press Ctrl-C to stop",
        "watching serve_config and the model repository; changes wait for `modelyard apply`; press Ctrl-C to stop",
    ]


def test_the_start_shows_where_metrics_are(report: TerminalReport, printed: io.StringIO):
    report.started([row("a")], "", "http://127.0.0.1:8002/metrics")
    assert "Metrics: http://127.0.0.1:8002/metrics\n" in printed.getvalue()
